//! Bad input at every entry gets an answer or a clean end, and no other client notices: in
//! every test two other people still talk afterwards.

mod frames;
mod http;
mod memory;
mod scene;
mod websocket;
