//! stages

#[allow(dead_code, reason = "the stage loop that drives it is not there yet")]
mod buffer;
#[allow(dead_code, reason = "the stage loop that drives it is not there yet")]
mod demand;
