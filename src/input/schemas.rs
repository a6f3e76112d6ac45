//! Actor between an input and the supervisor: it holds batches back until the schemas that their messages name are known.
//!
//! Most batches name schemas that are known, and pass at once. Of a lane, batches pass in their order; other lanes do not
//! wait for it. A batch that waits keeps its part of the memory budget, so there is a bound on what can wait. A registry
//! that is away is waited for without end; when a lane is over, its batches are dropped here as they are in the
//! supervisor.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use crate::format::{Found, Reads, Registry, Resolved, SchemaRef};
use crate::message::{Batch, LaneId};
use crate::supervisor::Run;

/// Time between two looks at lanes that are over, while batches wait.
const LOOK: Duration = Duration::from_millis(500);

/// Actor that holds batches back until their schemas are known.
pub(crate) struct SchemaGate {
    reads: Reads,
    registry: Registry,
    work: Recipient<Run>,
    /// Batches that wait, by lane, the oldest first.
    lanes: BTreeMap<LaneId, VecDeque<Waiting>>,
    /// Schemas for which the registry was asked, and that it has not answered.
    asked: HashSet<SchemaRef>,
    looking: Option<SpawnHandle>,
}

/// Batch that waits for schemas.
struct Waiting {
    batch: Arc<Batch>,
    found: Resolved,
    missing: Vec<SchemaRef>,
}

/// Answer of the registry.
#[derive(Message)]
#[rtype(result = "()")]
struct Answered {
    schema: SchemaRef,
    found: Found,
}

impl SchemaGate {
    /// Creates a gate in front of `work` for messages that `reads` reads.
    pub(crate) fn new(reads: Reads, registry: Registry, work: Recipient<Run>) -> Self {
        Self {
            reads,
            registry,
            work,
            lanes: BTreeMap::new(),
            asked: HashSet::new(),
            looking: None,
        }
    }

    /// Returns the batch with the schemas that are known, and those that are not.
    fn look_up(&self, batch: Arc<Batch>) -> Waiting {
        let named = batch.schemas_named(&self.reads);
        let mut waiting = Waiting {
            batch,
            found: Vec::with_capacity(named.len()),
            missing: Vec::new(),
        };
        for schema in named {
            match self.registry.cached(&schema.question()) {
                Some(found) => waiting.found.push((schema, found)),
                None => waiting.missing.push(schema),
            }
        }
        waiting
    }

    fn ask(&mut self, schema: SchemaRef, ctx: &mut Context<Self>) {
        if !self.asked.insert(schema) {
            return;
        }
        let gate = ctx.address();
        let asked = self.registry.ask(schema.question(), move |found| {
            gate.do_send(Answered { schema, found });
        });
        if asked.is_err() {
            // Too many wait for the registry: `look` asks again.
            self.asked.remove(&schema);
        }
    }

    fn pass(&self, waiting: Waiting) {
        let Waiting { batch, found, .. } = waiting;
        // It is empty: each batch comes here once.
        let _ = batch.schemas.set(found);
        self.work.do_send(Run(batch));
    }

    /// Passes on what waits for nothing any more.
    fn pass_ready(&mut self) {
        let mut ready = Vec::new();
        self.lanes.retain(|_, queue| {
            while let Some(first) = queue.front() {
                if !first.missing.is_empty() && !first.batch.lane.is_over() {
                    break;
                }
                // Of a lane that is over, the supervisor drops it.
                ready.extend(queue.pop_front());
            }
            !queue.is_empty()
        });
        for waiting in ready {
            self.pass(waiting);
        }
    }

    /// Looks for lanes that are over, and for schemas that could not be asked for, as long as batches wait.
    fn look(&mut self, ctx: &mut Context<Self>) {
        self.pass_ready();
        let waiting = self.lanes.values().flatten();
        let missing: Vec<SchemaRef> = waiting
            .flat_map(|one| one.missing.iter().copied())
            .collect();
        for schema in missing {
            self.ask(schema, ctx);
        }
        self.looking = (!self.lanes.is_empty()).then(|| ctx.run_later(LOOK, Self::look));
    }
}

impl Actor for SchemaGate {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // The memory budget bounds the mailbox.
        ctx.set_mailbox_capacity(0);
    }
}

impl Handler<Run> for SchemaGate {
    type Result = ();

    fn handle(&mut self, Run(batch): Run, ctx: &mut Self::Context) {
        let waiting = self.look_up(batch);
        let lane = waiting.batch.lane.id;
        if waiting.missing.is_empty() && !self.lanes.contains_key(&lane) {
            return self.pass(waiting);
        }
        for schema in waiting.missing.clone() {
            self.ask(schema, ctx);
        }
        self.lanes.entry(lane).or_default().push_back(waiting);
        if self.looking.is_none() {
            self.looking = Some(ctx.run_later(LOOK, Self::look));
        }
    }
}

impl Handler<Answered> for SchemaGate {
    type Result = ();

    fn handle(&mut self, Answered { schema, found }: Answered, _: &mut Self::Context) {
        self.asked.remove(&schema);
        for waiting in self.lanes.values_mut().flatten() {
            if let Some(place) = waiting.missing.iter().position(|one| *one == schema) {
                waiting.missing.swap_remove(place);
                waiting.found.push((schema, found.clone()));
            }
        }
        self.pass_ready();
    }
}
