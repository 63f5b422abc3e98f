//! The points between the steps of a recipe, where a crash drill or a test stops it.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

/// What is done at a point; a future that never ends leaves the recipe there for good, as a crash would.
pub type Hook = Arc<dyn Fn(&'static str) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The points. Empty outside of tests.
#[derive(Clone, Default)]
pub struct Steps(Option<Hook>);

impl Steps {
    /// Points with a hook.
    pub fn with(hook: Hook) -> Self {
        Self(Some(hook))
    }

    /// Passes a point. `MYRIAD_FAILPOINT` kills the process here in a debug build.
    pub async fn pass(&self, point: &'static str) {
        runtime::faults::hit(point);
        if let Some(hook) = &self.0 {
            hook(point).await;
        }
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Steps").field(&self.0.is_some()).finish()
    }
}
