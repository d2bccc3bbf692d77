use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::flow::canned::Canned;
use crate::flow::{TokenAddress, arbitrary};

fn flow(device: Device) -> Flow {
    Flow {
        name: "device",
        grant: Grant::Device(Device { url: "https://vendor.test/device", ..device }),
        client: Client::Known { id: "client", secret: None },
        token: TokenAddress::form("https://vendor.test/token"),
        ..Flow::BASE
    }
}

fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future)
}

fn code() -> Value {
    json!({
        "device_code": "dc-secret-1", "user_code": "ABCD-1234", "verification_uri": "https://vendor.test/go",
        "expires_in": 900, "interval": 5,
    })
}

async fn begun(device: Device, code: &Value) -> Result<DeviceLogin, LoginError> {
    let http = Canned::answers(200, &code.to_string());
    DeviceLogin::begin(&flow(device), &Overrides::default(), Known::default(), &http).await
}

async fn polled(login: &mut DeviceLogin, status: u16, body: &Value) -> Result<Polled, LoginError> {
    login.poll(&Canned::answers(status, &body.to_string())).await
}

#[test]
fn the_answer_is_read_leniently_and_bounded() {
    run(async {
        let login = begun(Device::BASE, &code()).await.unwrap();
        assert_eq!((login.user_code(), login.url()), ("ABCD-1234", "https://vendor.test/go"));
        assert!(!format!("{login:?}").contains("dc-secret-1"));
        for (name, value, expires, interval) in [
            ("interval", Value::Null, 900, 5),
            ("interval", json!("7"), 900, 7),
            ("interval", json!(0), 900, 1),
            ("interval", json!(1e9), 900, 60),
            ("expires_in", Value::Null, 900, 5),
            ("expires_in", json!("600"), 600, 5),
            ("expires_in", json!(1e9), 3600, 5),
        ] {
            let mut code = code();
            code[name] = value;
            let login = begun(Device::BASE, &code).await.unwrap();
            assert_eq!(login.expires_in().as_secs(), expires, "{code}");
            assert_eq!(login.interval().as_secs(), interval, "{code}");
        }
    });
}

#[test]
fn nobody_is_sent_to_a_strange_address() {
    run(async {
        for (name, value) in [
            ("verification_uri", json!("http://vendor.test/go")),
            ("verification_uri", json!("javascript:alert(1)")),
            ("verification_uri", json!("file:///etc/passwd")),
            ("verification_uri", json!("--help")),
            ("verification_uri", Value::Null),
            ("user_code", json!("AB\u{1b}[2J")),
            ("user_code", json!("x".repeat(65))),
            ("user_code", Value::Null),
            ("device_code", json!("")),
        ] {
            let mut code = code();
            code[name] = value;
            let error = begun(Device::BASE, &code).await.unwrap_err();
            assert!(matches!(error, LoginError::Unreadable { .. }), "{code}: {error}");
        }
        let mut code = code();
        code["verification_uri_complete"] = json!("http://evil.test");
        assert_eq!(begun(Device::BASE, &code).await.unwrap().complete_url(), None);
    });
}

#[test]
fn waiting_slows_down_as_asked() {
    run(async {
        let seconds = |login: &DeviceLogin| login.interval().as_millis();
        let mut login = begun(Device::BASE, &code()).await.unwrap();
        polled(&mut login, 400, &json!({ "error": "authorization_pending" })).await.unwrap();
        assert_eq!(seconds(&login), 5_000);
        polled(&mut login, 200, &json!({ "error": "slow_down" })).await.unwrap();
        assert_eq!(seconds(&login), 10_000);
        polled(&mut login, 400, &json!({ "error": "slow_down", "interval": 17 })).await.unwrap();
        assert_eq!(seconds(&login), 17_000);
        polled(&mut login, 400, &json!({ "error": "slow_down", "interval": 2 })).await.unwrap();
        assert_eq!(seconds(&login), 22_000);
        for _ in 0..20 {
            polled(&mut login, 429, &json!({})).await.unwrap();
        }
        assert_eq!(seconds(&login), 60_000);

        let half_again = Device { slow_down: SlowDown::HalfAgain(Duration::from_secs(10)), ..Device::BASE };
        let mut code = code();
        code["interval"] = json!(2);
        let mut login = begun(half_again, &code).await.unwrap();
        let mut all = Vec::new();
        for _ in 0..6 {
            polled(&mut login, 429, &json!({ "error": "slow_down" })).await.unwrap();
            all.push(seconds(&login));
        }
        assert_eq!(all, [3_000, 4_500, 6_750, 10_000, 10_000, 10_000]);
    });
}

#[test]
fn a_code_ends_when_it_ends() {
    run(async {
        let mut login = begun(Device::BASE, &code()).await.unwrap();
        tokio::time::advance(Duration::from_secs(899)).await;
        polled(&mut login, 400, &json!({ "error": "authorization_pending" })).await.unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
        let late = polled(&mut login, 200, &json!({ "access_token": "a" })).await.unwrap_err();
        assert!(matches!(late, LoginError::Expired { .. }), "{late}");
    });
}

#[test]
fn trouble_on_the_way_is_waited_out_but_not_for_ever() {
    run(async {
        let mut login = begun(Device::BASE, &code()).await.unwrap();
        for _ in 0..STRIKES - 1 {
            assert!(matches!(login.poll(&Canned::silent()).await, Ok(Polled::Pending)));
        }
        polled(&mut login, 400, &json!({ "error": "authorization_pending" })).await.unwrap();
        for _ in 0..STRIKES - 1 {
            assert!(matches!(polled(&mut login, 503, &json!({})).await, Ok(Polled::Pending)));
        }
        let error = login.poll(&Canned::silent()).await.unwrap_err();
        assert!(matches!(error, LoginError::Unreachable { .. }), "{error}");
    });
}

#[test]
fn every_other_answer_ends_the_login() {
    run(async {
        let mut said = Vec::new();
        for (status, body) in [
            (400, json!({ "error": "access_denied", "error_description": "not with dc-secret-1" })),
            (200, json!({ "error": "expired_token" })),
            (400, json!({ "error": "invalid_grant" })),
            (200, json!({ "error": "incorrect_device_code" })),
            (401, json!({ "error": "invalid_client" })),
            (403, json!({})),
            (200, json!({ "token_type": "bearer" })),
            (200, json!([])),
        ] {
            let mut login = begun(Device::BASE, &code()).await.unwrap();
            let error = polled(&mut login, status, &body).await.unwrap_err().to_string();
            assert!(!error.contains("dc-secret-1"), "{error}");
            said.push(format!("{status} {body}\n    {error}"));
        }
        insta::assert_snapshot!(said.join("\n"));
    });
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(code in arbitrary::json(), status in 200_u16..600, body in arbitrary::json()) {
        run(async {
            let _ = begun(Device::BASE, &code).await;
            let mut login = begun(Device::BASE, &self::code()).await.unwrap();
            let _ = polled(&mut login, status, &body).await;
        });
    }
}
