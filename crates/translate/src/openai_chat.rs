//! To be written.

pub(crate) struct OpenaiChat;

crate::wire::placeholder_client!(OpenaiChat);
crate::wire::placeholder_upstream!(OpenaiChat);
