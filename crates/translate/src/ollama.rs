//! To be written.

pub(crate) struct OllamaChat;
pub(crate) struct OllamaGenerate;

crate::wire::placeholder_client!(OllamaChat);
crate::wire::placeholder_client!(OllamaGenerate);
