//! What waits, for futures: it holds no thread, in any executor.

use std::time::Duration;

use genstage_core::{CALL_TIMEOUT, CallError, ExitReason, StopError};
use genstage_dispatchers::SubscriptionId;

use crate::drain::{Drainable, drain_all_async};
use crate::graph::graph_of_async;
use crate::handle::{Source, StageRef};
use crate::mail::{StageMail, SubscribeTo};
use crate::messages::{Call, HandleCall, HandleInfo, Info};
use crate::options::DemandMode;
use crate::role::{Emits, IsProducer, Receives, Role};
use crate::watch::ended_async;
use crate::{AnyStage, Choice, DrainReport, Graph, StageSnapshot, SubscribeError, SubscriptionOptions, WaitError};

/// For futures, in the runtime's own processes and in any other executor: each is as the method without `_async`, and waits without
/// holding a thread. Nothing is sent before the first poll. Dropping the future gives up the answer; what was sent takes its course.
///
/// ```
/// use genstage::core::Task;
/// use genstage::prelude::*;
///
/// let numbers = from_enumerable(0_u64..1000).start(StageOptions::new().demand(DemandMode::Accumulate))?;
/// let sink = for_each(|_: u64| {}).start(StageOptions::new())?;
/// let told = Task::spawn(async move {
///     sink.sync_subscribe_async(&numbers, SubscriptionOptions::new()).await?;
///     assert_eq!(numbers.demand_mode_async().await?, DemandMode::Accumulate);
///     numbers.demand(DemandMode::Forward);
///     sink.wait_async().await?;
///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(numbers.wait_async().await?)
/// });
/// assert!(told.join()?.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<R: Role> StageRef<R> {
    /// As [`call`](Self::call).
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_async<M>(&self, request: M) -> Result<<R::Stage as HandleCall<M>>::Reply, CallError>
    where
        M: Send + 'static,
        R::Stage: HandleCall<M>,
    {
        self.call_async_within(request, CALL_TIMEOUT).await
    }

    /// As [`call_within`](Self::call_within).
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_async_within<M>(
        &self,
        request: M,
        within: Duration,
    ) -> Result<<R::Stage as HandleCall<M>>::Reply, CallError>
    where
        M: Send + 'static,
        R::Stage: HandleCall<M>,
    {
        self.0.request(within, |reply| StageMail::Command(Call::boxed(request, reply))).await
    }

    /// As [`sync_info`](Self::sync_info). To go on at once there is [`async_info`](Self::async_info).
    ///
    /// # Errors
    ///
    /// As [`sync_info`](Self::sync_info).
    pub async fn sync_info_async<M>(&self, message: M) -> Result<(), CallError>
    where
        M: Send + 'static,
        R::Stage: HandleInfo<M>,
    {
        self.0.request(CALL_TIMEOUT, |reply| StageMail::Info(Info::boxed(message), Some(reply))).await
    }

    /// As [`stop_with`](Self::stop_with), without limit.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop).
    pub async fn stop_async(&self, reason: ExitReason) -> Result<(), StopError> {
        self.0.stop_async(reason, StageMail::Stop).await
    }

    /// As [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub async fn wait_async(&self) -> Result<(), WaitError> {
        let stage = self.awaited()?;
        if ended_async(&stage).await { Self::verdict(&stage) } else { Err(WaitError::Never) }
    }

    /// As [`demand_mode`](Self::demand_mode).
    ///
    /// # Errors
    ///
    /// As [`demand_mode`](Self::demand_mode).
    pub async fn demand_mode_async(&self) -> Result<DemandMode, CallError> {
        self.0.request(CALL_TIMEOUT, StageMail::Mode).await
    }

    /// As [`estimate_buffered_count`](Self::estimate_buffered_count).
    ///
    /// # Errors
    ///
    /// As [`estimate_buffered_count`](Self::estimate_buffered_count).
    pub async fn estimate_buffered_count_async(&self) -> Result<usize, CallError>
    where
        R: Emits,
    {
        self.0.request(CALL_TIMEOUT, StageMail::Buffered).await
    }

    /// As [`snapshot`](Self::snapshot).
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot).
    pub async fn snapshot_async(&self) -> Result<StageSnapshot, CallError> {
        self.0.request(CALL_TIMEOUT, StageMail::Report).await
    }

    /// As [`sync_subscribe`](Self::sync_subscribe). To go on at once there is [`async_subscribe`](Self::async_subscribe).
    ///
    /// # Errors
    ///
    /// As [`sync_subscribe`](Self::sync_subscribe).
    pub async fn sync_subscribe_async<S, C>(
        &self,
        producer: &S,
        options: SubscriptionOptions<C>,
    ) -> Result<SubscriptionId, SubscribeError>
    where
        R: Receives,
        S: Source<Event = R::In> + ?Sized,
        C: Choice<R::In>,
    {
        self.order_async(SubscribeTo::new(producer, options)).await
    }

    /// As [`sync_resubscribe`](Self::sync_resubscribe). To go on at once there is [`async_resubscribe`](Self::async_resubscribe).
    ///
    /// # Errors
    ///
    /// As [`sync_resubscribe`](Self::sync_resubscribe).
    pub async fn sync_resubscribe_async<S, C>(
        &self,
        current: SubscriptionId,
        reason: ExitReason,
        producer: &S,
        options: SubscriptionOptions<C>,
    ) -> Result<SubscriptionId, SubscribeError>
    where
        R: Receives,
        S: Source<Event = R::In> + ?Sized,
        C: Choice<R::In>,
    {
        self.order_async(SubscribeTo::new(producer, options).instead_of(current, reason)).await
    }

    async fn order_async(&self, subscribe: SubscribeTo<R::In>) -> Result<SubscriptionId, SubscribeError> {
        let mail = |reply| StageMail::SubscribeTo(Box::new(subscribe.reply(reply)));
        self.0.request(CALL_TIMEOUT, mail).await.map_err(SubscribeError::Call)?
    }
}

/// As [`snapshot`](crate::snapshot()), for futures.
///
/// # Errors
///
/// [`CallError`], as for a call.
pub fn snapshot_async(stage: &dyn AnyStage) -> impl Future<Output = Result<StageSnapshot, CallError>> + Send + use<> {
    let stage = stage.observer();
    async move { stage.snapshot_async(CALL_TIMEOUT).await }
}

/// As [`graph`](crate::graph()), for futures. A process of its own asks the stages, and ends with the future.
///
/// ```
/// use genstage::core::Task;
/// use genstage::prelude::*;
///
/// let numbers = from_enumerable(0_u64..).start(StageOptions::new().name("some numbers"))?;
/// let drawn = Task::spawn(async move { genstage::graph_async(&[&numbers]).await.to_mermaid() });
/// assert!(drawn.join()?.contains("some numbers"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn graph_async(stages: &[&dyn AnyStage]) -> impl Future<Output = Graph> + Send + use<> {
    graph_of_async(stages.iter().map(|stage| stage.observer()).collect(), CALL_TIMEOUT)
}

/// As [`drain`](crate::drain()), for futures. A process of its own waits for the ends, which holds no thread. Dropping the future gives
/// up the report: the drain goes on.
///
/// ```
/// use std::time::Duration;
///
/// use genstage::core::Task;
/// use genstage::prelude::*;
///
/// let numbers = from_enumerable(0_u64..).start(StageOptions::new())?;
/// let sink = for_each(|_| {}).start(StageOptions::new())?;
/// sink.sync_subscribe(&numbers, SubscriptionOptions::new().max_demand(10))?;
/// let drained = Task::spawn(async move { drain_async(&[&numbers], Duration::from_secs(5)).await });
/// assert!(drained.join()?.is_complete());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn drain_async(stages: &[&dyn Drainable], within: Duration) -> impl Future<Output = DrainReport> + Send + use<> {
    drain_all_async(stages.iter().map(|stage| stage.observer()).collect(), within)
}

impl<R: IsProducer> StageRef<R> {
    /// As [`drain`](Self::drain), for futures.
    pub async fn drain_async(&self, within: Duration) -> DrainReport {
        drain_async(&[self], within).await
    }
}
