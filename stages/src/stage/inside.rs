//! What callbacks reach through their context.

use std::any::Any;
use std::time::Duration;

use genstage_core::{ExitReason, LinkError, MonitorRef, Own, Peer, Pid, Timer, send_after};
use genstage_dispatchers::SubscriptionId;

use super::{OnTimeout, Wiring};
use crate::book::Book;
use crate::context::Inside;
use crate::mail::{Command, StageMail};
use crate::role::Role;

pub(super) struct Inner<'a, R: Role> {
    pub(super) wiring: &'a mut Wiring<R>,
    pub(super) own: &'a Own<StageMail<R>>,
}

impl<R: Role> Inside<R::Stage> for Inner<'_, R> {
    fn pid(&self) -> Pid {
        self.own.pid()
    }

    fn subscription(&self) -> Option<SubscriptionId> {
        self.wiring.current
    }

    fn out(&mut self) -> &mut dyn Any {
        &mut self.wiring.extra
    }

    fn ask(&mut self, id: SubscriptionId, count: usize) -> bool {
        let Some(upstream) = self.wiring.producers.get_mut(id).filter(|upstream| upstream.is_manual()) else {
            return false;
        };
        if count > 0 {
            upstream.ask(id, count);
        }
        true
    }

    fn cancel(&mut self, id: SubscriptionId, reason: ExitReason) -> bool {
        if let Some(upstream) = self.wiring.producers.get_mut(id) {
            upstream.cancel(id, reason);
            return true;
        }
        let known = self.wiring.consumers.contains(id);
        if known {
            let _ = self.own.me().send(StageMail::Cancel(id, reason));
        }
        known
    }

    fn subscribe_to(&mut self, subscribe: Box<dyn Any + Send>) -> bool {
        let Ok(subscribe) = subscribe.downcast() else { return false };
        let _ = self.own.me().send(StageMail::SubscribeTo(subscribe));
        true
    }

    fn continue_with(&mut self, command: Box<dyn Command<R::Stage>>) {
        self.wiring.next.any = true;
        self.wiring.next.message = Some(command);
    }

    fn idle_timeout(&mut self, time: Duration, handle: OnTimeout<R::Stage>) {
        self.wiring.next.any = true;
        self.wiring.next.timeout = Some((time, handle));
    }

    fn buffered(&self) -> usize {
        self.wiring.outlet.stored()
    }

    fn still_holds(&mut self, events: usize) {
        self.wiring.holds(events);
    }

    fn not_started(&mut self, events: usize) {
        self.wiring.book.counts.discard(|discarded| discarded.not_started += events as u64);
    }

    fn waits_for_children(&mut self) {
        self.wiring.book.wait_for_children();
    }

    fn hibernate(&mut self) {
        self.wiring.next.any = true;
        self.wiring.next.hibernate = true;
    }

    fn hibernate_after(&mut self, time: Option<Duration>) {
        self.wiring.next.any = true;
        self.wiring.next.hibernate_after = time;
    }

    fn book(&self) -> &Book {
        &self.wiring.book
    }

    fn post(&self, command: Box<dyn Command<R::Stage>>, behind_buffer: bool) {
        let mail = if behind_buffer { StageMail::Info(command, None) } else { StageMail::Command(command) };
        let _ = self.own.me().send(mail);
    }

    fn post_after(&self, command: Box<dyn Command<R::Stage>>, delay: Duration) -> Timer {
        send_after(self.own.me(), StageMail::Command(command), delay)
    }

    fn link(&self, other: Peer) -> Result<(), LinkError> {
        self.own.link(other)
    }

    fn unlink(&self, other: Peer) {
        self.own.unlink(other);
    }

    fn monitor(&self, other: Peer) -> MonitorRef {
        self.own.monitor(other)
    }

    fn demonitor(&self, monitor: MonitorRef) -> bool {
        self.own.demonitor(monitor)
    }

    fn trap_exit(&self, trap: bool) -> bool {
        self.own.trap_exit(trap)
    }
}
