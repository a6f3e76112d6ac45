//! Properties that a user cannot set, and what to do instead.

use super::Side;

/// Reason why a user cannot set a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A field sets the property.
    Field,
    /// A field of the other side sets the property.
    OtherSide,
    /// The engine relies on the property.
    Engine,
}

/// Sections that have a field.
#[derive(Clone, Copy)]
enum In {
    Both,
    Input,
    Output,
}

/// Returns the field for a property, and the sections that have it.
fn field(name: &str, side: Side) -> Option<(In, &'static str)> {
    Some(match name {
        "bootstrap.servers" | "metadata.broker.list" => (In::Both, "addresses"),
        "client.id" => (In::Both, "client_id"),
        "security.protocol" => (
            In::Both,
            "tls: { enabled: true }` for encryption, `sasl: { mechanism: … }",
        ),
        "sasl.mechanism" | "sasl.mechanisms" => (In::Both, "sasl: { mechanism: … }"),
        "sasl.username" => (In::Both, "sasl: { user: … }"),
        "sasl.password" => (In::Both, "sasl: { password: … }"),
        "ssl.ca.location" => (In::Both, "tls: { root_cas_file: … }"),
        "ssl.ca.pem" => (In::Both, "tls: { root_cas: … }"),
        "ssl.certificate.location" => (In::Both, "tls: { client_certs: [{ cert_file: … }] }"),
        "ssl.certificate.pem" => (In::Both, "tls: { client_certs: [{ cert: … }] }"),
        "ssl.key.location" => (In::Both, "tls: { client_certs: [{ key_file: … }] }"),
        "ssl.key.pem" => (In::Both, "tls: { client_certs: [{ key: … }] }"),
        "ssl.key.password" => (In::Both, "tls: { client_certs: [{ password: … }] }"),
        "enable.ssl.certificate.verification" => (In::Both, "tls: { skip_cert_verify: … }"),
        "group.id" => (In::Input, "consumer_group"),
        "group.instance.id" => (In::Input, "instance_id"),
        "auto.offset.reset" => (In::Input, "start_from_oldest"),
        "auto.commit.interval.ms" => (In::Input, "commit_period"),
        "session.timeout.ms" => (In::Input, "group: { session_timeout: … }"),
        "heartbeat.interval.ms" => (In::Input, "group: { heartbeat_interval: … }"),
        "partitioner" => (In::Output, "partitioner"),
        "compression.codec" | "compression.type" => (In::Output, "compression"),
        "acks" | "request.required.acks" => (In::Output, "ack_replicas"),
        "enable.idempotence" => (In::Output, "idempotent_write"),
        "request.timeout.ms" => (In::Output, "timeout"),
        // Consumers have these properties as well, and no fields for them.
        "max.in.flight" | "max.in.flight.requests.per.connection" if side == Side::Producer => {
            (In::Output, "max_in_flight")
        }
        "message.max.bytes" if side == Side::Producer => (In::Output, "max_message_bytes"),
        "transactional.id" => (In::Output, "transactional_id"),
        _ => return None,
    })
}

/// Returns what to do about a property that has no field and still cannot be set.
fn engines(name: &str, value: &str) -> Option<&'static str> {
    Some(match name {
        "enable.auto.commit" | "auto.commit.enable" | "enable.auto.offset.store" => {
            "leave it out: positions are committed when messages are delivered, at each `commit_period`"
        }
        "message.timeout.ms" | "delivery.timeout.ms" | "retries" | "message.send.max.retries" => {
            "leave it out: no message is given up, writing it is tried until the brokers have it; `timeout` says \
             how long one try may take"
        }
        "group.protocol" if !value.eq_ignore_ascii_case("classic") => {
            "write `protocol: consumer` in `input.kafka.group`, beside the other settings of the group"
        }
        "statistics.interval.ms" => {
            "leave it out: the lag and the state of the connections are read from these statistics"
        }
        "delivery.report.only.error" => {
            "leave it out: the engine must hear of every message that is written"
        }
        "enable.gapless.guarantee" => "leave it out: the engine sees to the order itself",
        "queuing.strategy" => "leave it out: messages are written in order",
        "offset.store.method" | "offset.store.path" | "offset.store.sync.interval.ms" => {
            "leave it out: positions are kept by the brokers"
        }
        "enable.partition.eof"
        | "enabled_events"
        | "log.queue"
        | "consume.callback.max.messages" => "leave it out: the engine has no use for it",
        "plugin.library.paths" => "leave it out: this engine loads no plugins",
        "opaque" | "default_topic_conf" | "msg_order_cmp" | "interceptors" | "ssl_key"
        | "ssl_certificate" | "ssl_ca" => {
            "leave it out: it is for programs, which set it in memory"
        }
        callback if callback.ends_with("_cb") => "leave it out: a config has no functions to call",
        _ => return None,
    })
}

/// Returns why a user cannot set a property on this side, and what to do instead, or `None` if a user can.
pub(super) fn reserved(name: &str, value: &str, side: Side) -> Option<(Use, String)> {
    if let Some(help) = engines(name, value) {
        return Some((Use::Engine, help.into()));
    }
    if (name, side) == ("allow.auto.create.topics", Side::Producer) {
        let help = "leave it out: topics are made by who owns them, not by messages that name them";
        return Some((Use::Engine, help.into()));
    }
    let (of, field) = field(name, side)?;
    Some(match (of, side) {
        (In::Output, Side::Consumer) => (
            Use::OtherSide,
            format!("it is for what writes: the field is `{field}` of `output.kafka`"),
        ),
        (In::Input, Side::Producer) => (
            Use::OtherSide,
            format!("it is for what reads: the field is `{field}` of `input.kafka`"),
        ),
        _ => (Use::Field, format!("write `{field}`")),
    })
}
