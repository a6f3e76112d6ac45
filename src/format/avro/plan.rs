//! Plan of a decoder: for each type what is read, and what becomes of it. Made once for a pair of schemas.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::logical::{IntKind, LongKind};
use super::schema::{AvroSchema, Type, TypeId};
use crate::format::error::Failure;

/// Index of a node.
pub(super) type NodeId = u32;

/// What is read at a place, and what becomes of it.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    Int(IntKind),
    Long(LongKind),
    /// An `int` or `long` that becomes a `float`.
    LongToFloat,
    Float,
    Double,
    Bytes,
    BytesToString,
    String,
    StringToBytes,
    Uuid,
    /// `bytes` that are a decimal with so many digits after the point.
    Decimal(u32),
    Fixed(usize),
    /// So many bytes that are a decimal with so many digits after the point.
    FixedDecimal(usize, u32),
    Enum(Box<[Symbol]>),
    Array(NodeId),
    Map(NodeId),
    Union(Box<[NodeId]>),
    Record(Box<RecordPlan>),
    /// A value that the reader's schema does not allow; what is wrong. The writer need not ever write one.
    Refused(String),
}

/// What becomes of a symbol: a text, or the name of one that the reader does not know.
pub(super) type Symbol = Result<Box<str>, Box<str>>;

/// What becomes of a record.
#[derive(Debug)]
pub(super) struct RecordPlan {
    /// Types of the fields that were written, to pass over them.
    pub(super) written: Box<[NodeId]>,
    /// Members of the dict, in their order.
    pub(super) members: Box<[Member]>,
    /// Whether the members are in the order in which they were written.
    pub(super) in_order: bool,
}

/// Member of a dict.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: Box<str>,
    pub(super) node: NodeId,
    pub(super) source: Source,
}

/// Where a member's value comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// The field with this place among those that were written.
    Field(usize),
    /// The default in the reader's schema.
    Default(Arc<[u8]>),
}

/// Pair of types, or a type of one schema alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Task {
    Writer(TypeId),
    Reader(TypeId),
    Both(TypeId, TypeId),
}

/// Most nodes, members and symbols of a plan, and most comparisons of types. A record may be paired with many others.
const MAX_SIZE: usize = 1 << 20;
const MAX_COMPARISONS: u32 = 1 << 24;

/// Maker of a plan. It has a queue instead of calling itself, since types may be nested without end.
pub(super) struct Builder {
    pub(super) writer: Arc<AvroSchema>,
    pub(super) reader: Option<Arc<AvroSchema>>,
    nodes: Vec<Node>,
    known: HashMap<Task, NodeId>,
    queue: VecDeque<(NodeId, Task)>,
    /// Number of members and symbols.
    size: usize,
    /// Comparisons that are left.
    comparisons: u32,
}

impl Builder {
    /// Returns the plan for these schemas; its first node is the root.
    pub(super) fn build(
        writer: Arc<AvroSchema>,
        reader: Option<Arc<AvroSchema>>,
    ) -> Result<Vec<Node>, String> {
        let root = match &reader {
            Some(reader) => Task::Both(writer.root, reader.root),
            None => Task::Writer(writer.root),
        };
        let mut builder = Self {
            writer,
            reader,
            nodes: Vec::new(),
            known: HashMap::new(),
            queue: VecDeque::new(),
            size: 0,
            comparisons: MAX_COMPARISONS,
        };
        builder.node(root);
        while let Some((id, task)) = builder.queue.pop_front() {
            if builder.nodes.len() + builder.size > MAX_SIZE || builder.comparisons == 0 {
                return Err("the schemas are too large".to_owned());
            }
            builder.nodes[id as usize] = builder.made(task);
        }
        Ok(builder.nodes)
    }

    /// Counts a comparison; returns false if there were too many.
    pub(super) fn compare(&mut self) -> bool {
        self.comparisons = self.comparisons.saturating_sub(1);
        self.comparisons > 0
    }

    /// Counts members or symbols.
    pub(super) fn grow(&mut self, by: usize) {
        self.size += by;
    }

    /// Returns the node for a task, which is made later.
    pub(super) fn node(&mut self, task: Task) -> NodeId {
        if let Some(id) = self.known.get(&task) {
            return *id;
        }
        let id = self.nodes.len() as NodeId;
        self.nodes.push(Node::Null);
        self.known.insert(task, id);
        self.queue.push_back((id, task));
        id
    }

    fn made(&mut self, task: Task) -> Node {
        match (task, self.reader.clone()) {
            (Task::Writer(id), _) => self.alone(&self.writer.clone(), id, Task::Writer),
            (Task::Reader(id), Some(reader)) => self.alone(&reader, id, Task::Reader),
            (Task::Both(written, read), Some(reader)) => {
                self.both(&self.writer.clone(), &reader, written, read)
            }
            // Such a task is not made without a reader's schema.
            (Task::Reader(_) | Task::Both(..), None) => Node::Refused(String::new()),
        }
    }

    /// Returns the node of a type that is read as it was written.
    fn alone(&mut self, schema: &AvroSchema, id: TypeId, task: fn(TypeId) -> Task) -> Node {
        match schema.at(id) {
            Type::Null => Node::Null,
            Type::Boolean => Node::Boolean,
            Type::Int(kind) => Node::Int(*kind),
            Type::Long(kind) => Node::Long(*kind),
            Type::Float => Node::Float,
            Type::Double => Node::Double,
            Type::Bytes(None) => Node::Bytes,
            Type::Bytes(Some(decimal)) => Node::Decimal(decimal.scale),
            Type::String(false) => Node::String,
            Type::String(true) => Node::Uuid,
            Type::Fixed(fixed) => match fixed.decimal {
                Some(decimal) => Node::FixedDecimal(fixed.size, decimal.scale),
                None => Node::Fixed(fixed.size),
            },
            Type::Enum(of) => Node::Enum(of.symbols.iter().cloned().map(Ok).collect()),
            Type::Array(items) => Node::Array(self.node(task(*items))),
            Type::Map(values) => Node::Map(self.node(task(*values))),
            Type::Union(branches) => {
                let nodes = branches.iter().map(|branch| self.node(task(*branch)));
                Node::Union(nodes.collect())
            }
            Type::Record(record) => {
                let fields = record.fields.iter();
                let written: Box<[_]> = fields.map(|field| self.node(task(field.ty))).collect();
                let fields = record.fields.iter().zip(&written).enumerate();
                let members = fields.map(|(place, (field, node))| Member {
                    key: field.name.clone(),
                    node: *node,
                    source: Source::Field(place),
                });
                Node::Record(Box::new(RecordPlan {
                    members: members.collect(),
                    written,
                    in_order: true,
                }))
            }
        }
    }
}

/// Returns what is wrong with a plan: a value that cannot be read, on a way that every value takes.
pub(super) fn check(nodes: &[Node]) -> Result<(), Failure> {
    let is_refused = |id: NodeId| matches!(nodes[id as usize], Node::Refused(_));
    // For each node that was reached, from where.
    let mut came: Vec<Option<NodeId>> = vec![None; nodes.len()];
    let mut queue = VecDeque::from([0]);
    let mut seen = vec![false; nodes.len()];
    seen[0] = true;
    while let Some(id) = queue.pop_front() {
        let mut next = Vec::new();
        match &nodes[id as usize] {
            Node::Refused(why) => return Err(located(nodes, &came, id, why)),
            Node::Array(inner) | Node::Map(inner) => next.push(*inner),
            Node::Record(plan) => next.extend(plan.members.iter().map(|member| member.node)),
            // One branch that can be read is enough.
            Node::Union(branches) if branches.iter().all(|branch| is_refused(*branch)) => {
                next.extend(branches.first());
            }
            _ => {}
        }
        for inner in next {
            if !seen[inner as usize] {
                seen[inner as usize] = true;
                came[inner as usize] = Some(id);
                queue.push_back(inner);
            }
        }
    }
    Ok(())
}

fn located(nodes: &[Node], came: &[Option<NodeId>], mut at: NodeId, why: &str) -> Failure {
    let mut failure = Failure::new(why);
    while let Some(from) = came[at as usize] {
        failure = match &nodes[from as usize] {
            Node::Record(plan) => {
                let member = plan.members.iter().find(|member| member.node == at);
                failure.in_field(member.map_or("", |member| &member.key))
            }
            Node::Array(_) | Node::Map(_) => failure.in_items(),
            _ => failure,
        };
        at = from;
    }
    failure
}
