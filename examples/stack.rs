//! A stack as a server: casts push, calls pop and wait for the reply.
//!
//! `cargo run --example stack`

use genstage::core::{Answer, CallError, Caller, Context, ExitReason, GenServer, HandleCall, Outcome, StartOptions};

struct Stack(Vec<&'static str>);

struct Push(&'static str);
struct Pop;
struct Depth;

impl GenServer for Stack {
    type Message = Push;

    fn handle_cast(&mut self, Push(word): Push, _: &mut Context<'_, Self>) -> Outcome {
        self.0.push(word);
        Outcome::Continue
    }

    fn terminate(&mut self, reason: &ExitReason, _: &mut Context<'_, Self>) {
        println!("the stack ends ({reason}) with {:?}", self.0);
    }
}

impl HandleCall<Pop> for Stack {
    type Reply = Option<&'static str>;

    fn handle_call(
        &mut self,
        _: Pop,
        _: &mut Caller<Self::Reply>,
        _: &mut Context<'_, Self>,
    ) -> Answer<Option<&'static str>> {
        Answer::Reply(self.0.pop())
    }
}

impl HandleCall<Depth> for Stack {
    type Reply = usize;

    fn handle_call(&mut self, _: Depth, _: &mut Caller<usize>, _: &mut Context<'_, Self>) -> Answer<usize> {
        Answer::Reply(self.0.len())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stack = Stack(vec!["hello"]).start_with(StartOptions::new().name("stack"))?;
    stack.cast(Push("world"));
    assert_eq!(stack.call(Depth)?, 2);
    assert_eq!(stack.call(Pop)?, Some("world"));

    // The same by its name, from anywhere.
    let named = Stack::named("stack");
    assert_eq!(named.call(Pop)?, Some("hello"));
    assert_eq!(named.call(Pop)?, None);

    named.cast(Push("left over"));
    stack.stop()?;
    assert_eq!(stack.call(Depth), Err(CallError::NoProc));
    println!("and takes no more calls");
    Ok(())
}
