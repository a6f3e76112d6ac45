//! Costs of each script in the run of some messages, added up from its requests.

use std::sync::Arc;
use std::time::Duration;

use super::handshake::HelloStage;
use super::protocol::costs::StageCosts;

/// Costs of one script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScriptCosts {
    /// Name of the script's processor.
    pub processor: Arc<str>,
    /// Number of messages that reached it.
    pub reached: u64,
    /// Number of these messages whose time was measured.
    pub measured: u64,
    /// Time that the script took for those.
    pub spent: Duration,
}

/// Returns no costs of each script.
pub(super) fn none(stages: &[HelloStage]) -> Vec<ScriptCosts> {
    let none = |stage: &HelloStage| ScriptCosts {
        processor: Arc::clone(&stage.processor),
        reached: 0,
        measured: 0,
        spent: Duration::ZERO,
    };
    stages.iter().map(none).collect()
}

/// Adds the costs of a request with `count` messages. A guest with one script does not say its costs: all messages reach
/// it, and the time is its own.
pub(super) fn add(costs: &mut [ScriptCosts], request: Option<&[StageCosts]>, count: usize) {
    let Some(request) = request else {
        if let Some(first) = costs.first_mut() {
            first.reached += count as u64;
        }
        return;
    };
    for (sum, stage) in costs.iter_mut().zip(request) {
        sum.reached += u64::from(stage.reached);
        sum.measured += u64::from(stage.measured);
        // A guest may lie, and only its own figures are wrong then.
        sum.spent = sum.spent.saturating_add(stage.spent);
    }
}
