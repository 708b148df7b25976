//! Back into an iterator, pulled in the caller's own thread.

use std::fmt;

use super::error::PipelineError;
use super::launch::{Launch, Route, Running};
use super::line::Line;
use crate::stream::{Stream, stream};
use crate::{Cancel, SubscriptionOptions};

/// The events of a pipeline, pulled in the caller's own thread: made by the `into_iter` of a [`Pipeline`](super::Pipeline).
///
/// An item is an error where a stage failed, or where the pipeline did not start; that is the last item. Dropping the iterator
/// stops the pipeline, without waiting for it; [`stop`](Self::stop) waits.
#[must_use]
pub struct IntoIter<T: Send + 'static> {
    inside: Result<(Stream<T>, Running), Option<PipelineError>>,
}

impl<T: Send + 'static> IntoIter<T> {
    pub(super) fn start(line: impl Line<Out = T>) -> Self {
        Self { inside: begin(line).map_err(Some) }
    }

    /// Stops the pipeline, and waits until all its processes are gone.
    pub fn stop(mut self) {
        if let Ok((stream, running)) = std::mem::replace(&mut self.inside, Err(None)) {
            drop(stream);
            running.stop();
        }
    }
}

fn begin<T: Send + 'static>(line: impl Line<Out = T>) -> Result<(Stream<T>, Running), PipelineError> {
    let mut launch = Launch::begin(false)?;
    let outputs = match Box::new(line).start(&mut launch, Route::One, true) {
        Ok(outputs) => outputs,
        Err(error) => {
            launch.abort();
            return Err(error);
        }
    };
    // A clean end of one leaves the others; the verdict on the whole tells whether it was the end.
    let options = SubscriptionOptions::new().cancel(Cancel::Transient);
    let mut outputs = outputs.iter();
    let never = |_| PipelineError::Never;
    let first = outputs.next().ok_or(PipelineError::Never)?;
    let mut events = stream(&**first, options).map_err(never)?;
    for output in outputs {
        events = events.and(&**output, options).map_err(never)?;
    }
    Ok((events, launch.release()))
}

impl<T: Send + 'static> Iterator for IntoIter<T> {
    type Item = Result<T, PipelineError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (stream, running) = match &mut self.inside {
            Ok(inside) => inside,
            Err(error) => return error.take().map(Err),
        };
        let verdict = match stream.next() {
            Some(Ok(event)) => return Some(Ok(event)),
            Some(Err(_)) => Err(running.failure()),
            None => running.verdict(),
        };
        running.stop_soon();
        self.inside = Err(None);
        verdict.err().map(Err)
    }
}

impl<T: Send + 'static> std::iter::FusedIterator for IntoIter<T> {}

impl<T: Send + 'static> Drop for IntoIter<T> {
    fn drop(&mut self) {
        if let Ok((_, running)) = &self.inside {
            running.stop_soon();
        }
    }
}

impl<T: Send + 'static> fmt::Debug for IntoIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inside {
            Ok((_, running)) => running.fmt(f),
            Err(_) => f.write_str("Pipeline(over)"),
        }
    }
}
