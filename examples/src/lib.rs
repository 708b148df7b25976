//! Examples live beside this file, one idea each.
