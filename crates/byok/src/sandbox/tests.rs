//! The echo upstream over a socket.

use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn it_serves_on_the_addresses_it_hands_out_and_stops_when_told() {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let sandbox = Sandbox::start(&tasks, stop.clone()).await.unwrap();
    let providers: Vec<_> = sandbox.providers().collect();
    assert_eq!(providers.len(), Family::ALL.len());

    let (id, chat) = providers.iter().find(|(_, one)| one.family == Some(Family::OpenaiChat)).unwrap();
    assert_eq!(id.as_str(), "echo-openai");
    let url = format!("{}/chat/completions", chat.base_url.as_ref().unwrap());
    let stream = TcpStream::connect(sandbox.address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let body = r#"{"model":"echo-1","messages":[{"role":"user","content":"Hi"}]}"#;
    let request = http::Request::post(url)
        .header("authorization", format!("Bearer {KEY}"))
        .body(Full::new(bytes::Bytes::from(body)))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let answer = response.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&answer).contains("You said: Hi"));

    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
