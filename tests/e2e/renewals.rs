//! Logins that live through anything: the real program, killed at any moment of a renewal, and two of it at
//! once on one wallet.
//!
//! The vendor is scripted in two kinds. One keeps the old refresh token until the new one is used: there, no
//! kill may ever lose a login. The other ends the old one at once: there, a login can be lost between the
//! vendor's answer and the commit, and the next start has to say so. `BYOK_KILL_ROUNDS` sets the number of
//! kills for each kind.

use std::collections::{BTreeSet, HashMap};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use byok_e2e::daemon::{Daemon, Home, binary};
use byok_e2e::http;
use byok_e2e::upstream::{Answer, Upstream};
use byok_store::{Location, NewAccount, NoKeyring, OpenOptions, Store};
use byok_types::{AccountId, AccountKey, Credential, Details, ProviderId, Secret, TokenSet};
use serde_json::{Value, json};

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"k3","choices":[{"index":0,"message":{"role":"assistant","content":"Hello."},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
const ROUNDS: u32 = 100;

/// What a vendor does with the old refresh token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    EndsAtOnce,
    KeepsUntilUse,
}

/// How the vendor answers a renewal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Answers,
    /// Renews, and never says so.
    Hangs,
    /// Answers when the test lets it.
    Waits,
}

/// A vendor with one session, and the API that takes its tokens.
struct Vendor {
    server: Upstream,
    desk: Arc<Desk>,
    events: Receiver<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// It was asked to renew.
    Asked,
    /// Its answer has been written, at this moment.
    Answered(Instant),
}

struct Desk {
    kind: Kind,
    session: Mutex<Session>,
    events: Mutex<Sender<Event>>,
    go: Mutex<Option<Receiver<()>>>,
}

struct Session {
    manner: Manner,
    renewals: u32,
    refused: u32,
    newest: u32,
    refresh: BTreeSet<String>,
}

impl Vendor {
    fn start(kind: Kind) -> Self {
        let (sender, events) = channel();
        let session = Session {
            manner: Manner::Answers,
            renewals: 0,
            refused: 0,
            newest: 0,
            refresh: BTreeSet::from(["refresh-token-0".to_owned()]),
        };
        let desk = Arc::new(Desk {
            kind,
            session: Mutex::new(session),
            events: Mutex::new(sender),
            go: Mutex::new(None),
        });
        let theirs = Arc::clone(&desk);
        let server = Upstream::start(move |request, answer| theirs.serve(request, answer));
        Self { server, desk, events }
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.desk.session.lock().expect("no test panics while it holds this")
    }

    fn config(&self) -> String {
        let address = self.server.address;
        format!(
            "providers:\n  kimi:\n    base_url: \"http://{address}\"\n    oauth: {{ token_url: \"http://{address}/oauth/token\" }}\n"
        )
    }

    /// Waits for an event; `None` when none comes in time.
    fn event(&self, wanted: impl Fn(Event) -> bool, patience: Duration) -> Option<Event> {
        let until = Instant::now() + patience;
        loop {
            let event = self.events.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
            if wanted(event) {
                return Some(event);
            }
        }
    }
}

impl Desk {
    fn serve(&self, request: &http::Message, answer: &mut Answer) {
        if request.path() == "/oauth/token" {
            self.renew(request, answer);
        } else {
            self.call(request, answer);
        }
    }

    fn renew(&self, request: &http::Message, answer: &mut Answer) {
        let text = request.text();
        let form: HashMap<&str, &str> = text.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let shown = form.get("refresh_token").copied().unwrap_or_default();
        let (manner, reply) = {
            let mut session = self.session.lock().expect("no test panics while it holds this");
            if !session.refresh.contains(shown) {
                session.refused += 1;
                drop(session);
                return answer
                    .json(400, r#"{"error":"invalid_grant","error_description":"unknown refresh token"}"#);
            }
            session.renewals += 1;
            session.newest += 1;
            let refresh = format!("refresh-token-{}", session.newest);
            session.refresh.retain(|old| self.kind == Kind::KeepsUntilUse && old == shown);
            session.refresh.insert(refresh.clone());
            let access = format!("access-token-{}", session.newest);
            let reply = json!({"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 3600});
            (session.manner, reply.to_string())
        };
        self.tell(Event::Asked);
        match manner {
            Manner::Answers => {}
            Manner::Hangs => return answer.wait_for_close(),
            Manner::Waits => {
                let go = self.go.lock().expect("no test panics while it holds this").take();
                let _ = go.expect("one renewal").recv_timeout(Duration::from_secs(60));
            }
        }
        answer.json(200, &reply);
        self.tell(Event::Answered(Instant::now()));
    }

    fn call(&self, request: &http::Message, answer: &mut Answer) {
        let bearer = request.header("authorization").unwrap_or_default();
        let mut session = self.session.lock().expect("no test panics while it holds this");
        if bearer != format!("Bearer access-token-{}", session.newest) {
            drop(session);
            return answer
                .json(401, r#"{"error":{"message":"unknown token","type":"invalid_authentication_error"}}"#);
        }
        // The new pair is in use, so the old one ends.
        let newest = format!("refresh-token-{}", session.newest);
        session.refresh.retain(|refresh| *refresh == newest);
        drop(session);
        answer.json(200, ANSWER);
    }

    fn tell(&self, event: Event) {
        let events = self.events.lock().expect("no test panics while it holds this");
        // A test that has what it wanted no longer listens.
        let _ = events.send(event);
    }
}

/// A wallet with one login of Kimi, over or not.
struct Wallet {
    home: Home,
    runtime: tokio::runtime::Runtime,
}

impl Wallet {
    fn new(vendor: &Vendor, over: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let wallet = Self { home: Home::new(&vendor.config()), runtime };
        wallet.log_in(0, over);
        wallet
    }

    /// Puts the login into the store, as `byok login` does. A key file protects it, and is quick.
    fn log_in(&self, n: u32, over: bool) {
        let end = SystemTime::now();
        let hour = Duration::from_secs(3600);
        let tokens = TokenSet {
            access: Secret::new(format!("access-token-{n}")),
            refresh: Some(Secret::new(format!("refresh-token-{n}"))),
            expires_at: Some(if over { end - hour } else { end + hour }),
            label: None,
            details: Details::default(),
        };
        let account =
            NewAccount { key: key(), credential: Credential::OAuth(tokens), base_url: None, label: None };
        self.with_store(async |store| store.save(account).await.expect("it can be stored"));
    }

    fn with_store<T>(&self, job: impl AsyncFnOnce(&Store) -> T) -> T {
        self.runtime.block_on(async {
            let location = Location::File(self.home.path().join("tokens.db"));
            let options = OpenOptions { keyring: Arc::new(NoKeyring), ..OpenOptions::new(location) };
            let store = Store::open(options).await.expect("the wallet opens");
            let got = job(&store).await;
            store.close().await;
            got
        })
    }

    /// The refresh token on the disk.
    fn refresh_token(&self) -> String {
        self.with_store(async |store| {
            let held = store.credential(&key()).await.expect("it can be read");
            let refresh = held.and_then(|held| match held {
                Credential::OAuth(tokens) => tokens.refresh,
                Credential::ApiKey(_) | Credential::Linked(_) | Credential::None => None,
            });
            refresh.expect("a refresh token").expose().to_owned()
        })
    }

    /// A `byok serve` whose output nobody reads.
    fn spawn(&self) -> Killed {
        let mut command = self.home.command(&["serve", "-p", "0"]);
        Killed(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("byok runs"))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

/// A process that ends with this value, without a chance to do anything about it.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Numbers that differ from run to run; a failure shows the round, and what matters is in the message.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970");
        Self(u64::from(now.subsec_nanos()) << 32 | u64::from(std::process::id()) | 1)
    }

    /// A duration below `limit`. Xorshift64.
    fn below(&mut self, limit: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let nanos = u64::try_from(limit.as_nanos()).expect("it is short").max(1);
        Duration::from_nanos(self.0 % nanos)
    }
}

fn key() -> AccountKey {
    AccountKey::new(ProviderId::from("kimi"), AccountId::from("default"))
}

fn rounds() -> u32 {
    std::env::var("BYOK_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

fn ask(daemon: &Daemon) -> http::Message {
    let body = json!({"model": "kimi/k3", "messages": [{"role": "user", "content": "Hi"}]});
    http::post(daemon.address, "/v1/chat/completions", &body)
}

/// Waits to the microsecond, which a sleep does not.
fn pass(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// Starts byok on a login that is over, and kills it: in some rounds at any moment of its life, in others
/// while the vendor is asked, in others just after it has answered.
fn kill_once(vendor: &Vendor, wallet: &Wallet, round: u32, start: Duration, chance: &mut Chance) {
    while vendor.events.try_recv().is_ok() {}
    let process = wallet.spawn();
    let patience = Duration::from_secs(30);
    match round % 4 {
        0 => std::thread::sleep(chance.below(start * 3 / 2)),
        1 => {
            vendor.event(|event| event == Event::Asked, patience).expect("byok renews");
            pass(chance.below(Duration::from_micros(500)));
        }
        _ => {
            vendor.event(|event| matches!(event, Event::Answered(_)), patience).expect("byok renews");
            pass(chance.below(Duration::from_millis(8)));
        }
    }
    drop(process);
}

/// How long byok takes from its start to asking the vendor.
fn start_to_renewal(kind: Kind) -> Duration {
    let vendor = Vendor::start(kind);
    let wallet = Wallet::new(&vendor, true);
    // The first to ask for it builds it.
    binary();
    let begun = Instant::now();
    let _process = wallet.spawn();
    vendor.event(|event| event == Event::Asked, Duration::from_secs(60)).expect("byok renews");
    begun.elapsed()
}

#[test]
fn no_kill_loses_a_login_whose_vendor_keeps_the_old_token_until_the_new_one_is_used() {
    let start = start_to_renewal(Kind::KeepsUntilUse);
    let mut chance = Chance::new();
    let mut renewed = 0;
    for round in 0..rounds() {
        let vendor = Vendor::start(Kind::KeepsUntilUse);
        let wallet = Wallet::new(&vendor, true);
        kill_once(&vendor, &wallet, round, start, &mut chance);
        let token = wallet.refresh_token();
        renewed += u32::from(token != "refresh-token-0");
        assert!(vendor.session().refresh.contains(&token), "round {round}: the login is lost with {token}");
        if round % 10 == 0 {
            let daemon = wallet.home.serve(&[]);
            let answer = ask(&daemon);
            assert_eq!(answer.status(), 200, "round {round}: {} {}", answer.text(), wallet.log());
        }
        assert_eq!(vendor.session().refused, 0, "round {round}");
    }
    println!("{} kills, {renewed} of them after the commit, no login lost", rounds());
}

#[test]
fn a_kill_loses_a_login_only_before_the_commit_and_the_next_start_says_so() {
    let start = start_to_renewal(Kind::EndsAtOnce);
    let mut chance = Chance::new();
    let (mut renewed, mut lost) = (0, 0);
    for round in 0..rounds() {
        let vendor = Vendor::start(Kind::EndsAtOnce);
        let wallet = Wallet::new(&vendor, true);
        kill_once(&vendor, &wallet, round, start, &mut chance);
        let token = wallet.refresh_token();
        renewed += u32::from(token != "refresh-token-0");
        let alive = vendor.session().refresh.contains(&token);
        if alive && round % 10 != 0 {
            continue;
        }
        let daemon = wallet.home.serve(&[]);
        let answer = ask(&daemon);
        if answer.status() != 200 {
            assert_eq!(token, "refresh-token-0", "round {round}: it was on the disk");
            lost += 1;
            says_so(&wallet, &answer);
        }
    }
    println!("{} kills, {renewed} of them after the commit, {lost} logins lost, each was told of", rounds());
}

/// What a person learns of a login that was lost.
fn says_so(wallet: &Wallet, answer: &http::Message) {
    assert_eq!(answer.status(), 401, "{} {}", answer.text(), wallet.log());
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "TOKEN_EXPIRED", "{error}");
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("invalid_grant") && message.contains("byok login kimi"), "{message}");
    let log = wallet.log();
    assert!(log.contains("a renewal of kimi/default was cut off at "), "{log}");
}

#[test]
fn a_renewal_without_an_end_is_told_of_until_the_next_login() {
    let vendor = Vendor::start(Kind::EndsAtOnce);
    vendor.session().manner = Manner::Hangs;
    let wallet = Wallet::new(&vendor, true);
    let process = wallet.spawn();
    vendor.event(|event| event == Event::Asked, Duration::from_secs(60)).expect("byok renews");
    drop(process);

    // The old token is dead, and nobody has the new one.
    vendor.session().manner = Manner::Answers;
    let daemon = wallet.home.serve(&[]);
    for _ in 0..3 {
        says_so(&wallet, &ask(&daemon));
    }
    assert_eq!(vendor.session().refused, 1, "it is not tried again for each request");
    drop(daemon);
    let daemon = wallet.home.serve(&[]);
    says_so(&wallet, &ask(&daemon));
    assert_eq!(vendor.session().refused, 1, "nor by the next process");
    let status = wallet.home.run(&["--json", "status"]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let kimi =
        status["accounts"].as_array().expect("accounts").iter().find(|account| account["provider"] == "kimi");
    let kimi = kimi.expect("the account is kept");
    assert!(kimi["last_error"].as_str().is_some_and(|text| text.contains("invalid_grant")), "{kimi}");
    assert!(kimi["todo"].as_str().is_some_and(|text| text.contains("byok login kimi")), "{kimi}");

    // A new login settles it, in the process that runs.
    vendor.session().refresh.insert("refresh-token-7".to_owned());
    vendor.session().newest = 7;
    wallet.log_in(7, false);
    let until = Instant::now() + Duration::from_secs(30);
    while ask(&daemon).status() != 200 {
        assert!(Instant::now() < until, "{}", wallet.log());
    }
}

#[test]
fn between_the_answer_and_the_commit_there_are_milliseconds() {
    let mut windows = Vec::new();
    for _ in 0..7 {
        let vendor = Vendor::start(Kind::EndsAtOnce);
        let wallet = Wallet::new(&vendor, true);
        let daemon = wallet.home.serve(&[]);
        let answered = vendor.event(|event| matches!(event, Event::Answered(_)), Duration::from_secs(60));
        let Some(Event::Answered(answered)) = answered else { panic!("byok renews") };
        let committed = wallet.with_store(async |store| {
            loop {
                let held = store.credential(&key()).await.expect("it can be read");
                if held.is_some_and(|held| held.bearer().is_some_and(|it| it.expose() == "access-token-1")) {
                    break Instant::now();
                }
                assert!(answered.elapsed() < Duration::from_secs(30), "{}", wallet.log());
            }
        });
        windows.push(committed.duration_since(answered));
        drop(daemon);
    }
    windows.sort();
    println!("from the vendor's answer to the commit, opening the wallet to look included: {windows:?}");
    // Milliseconds where nothing else runs; this limit is for machines where much does.
    assert!(windows[windows.len() / 2] < Duration::from_secs(1), "{windows:?}");
}

#[test]
fn two_processes_and_two_hundred_requests_make_one_renewal() {
    let vendor = Vendor::start(Kind::EndsAtOnce);
    vendor.session().manner = Manner::Waits;
    let (go, wait) = channel();
    *vendor.desk.go.lock().expect("nobody else has it") = Some(wait);
    let wallet = Wallet::new(&vendor, true);
    let daemons = [wallet.home.serve(&[]), wallet.home.serve(&[])];
    let begun = Barrier::new(201);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = |n: usize| {
            begun.wait();
            ask(&daemons[n % 2]).status()
        };
        let asking: Vec<_> = (0..200).map(|n| scope.spawn(move || ask(n))).collect();
        // Some of them wait for the renewal by then, others come while its answer is on its way.
        begun.wait();
        go.send(()).expect("the vendor waits");
        asking.into_iter().map(|asking| asking.join().expect("an answer")).collect()
    });
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?} {}", wallet.log());
    let session = vendor.session();
    assert_eq!((session.renewals, session.refused), (1, 0));
}

#[test]
fn a_token_that_the_upstream_refuses_is_renewed_and_the_call_made_again() {
    let vendor = Vendor::start(Kind::EndsAtOnce);
    let wallet = Wallet::new(&vendor, false);
    let daemon = wallet.home.serve(&[]);
    assert_eq!(ask(&daemon).header("x-byok-attempts"), Some("1"));
    // Ended early, although by the clock it is good for an hour.
    vendor.session().newest = 5;
    let answer = ask(&daemon);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.header("x-byok-attempts"), Some("2"));
    assert_eq!(vendor.session().renewals, 1);
    assert_eq!(wallet.refresh_token(), "refresh-token-6");
}

/// Every write of the program to a file fails from `fill` to `empty`, as on a full disk.
#[cfg(target_os = "linux")]
mod full_disk {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Command;

    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    use super::*;

    struct Limited {
        process: Killed,
        address: std::net::SocketAddr,
        log: std::process::ChildStderr,
    }

    impl Limited {
        fn serve(home: &Home) -> Self {
            let plain = home.command(&["--json", "serve", "-p", "0"]);
            let mut command = Command::new("sh");
            // A write past the limit is to fail, and not to end the program.
            command
                .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
                .arg(plain.get_program())
                .args(plain.get_args());
            for (name, value) in plain.get_envs() {
                match value {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                };
            }
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("byok runs");
            let mut line = String::new();
            let stdout = child.stdout.take().expect("it was piped");
            BufReader::new(stdout).read_line(&mut line).expect("byok says where it listens");
            let said: Value = serde_json::from_str(&line).expect("JSON");
            let address =
                said["serving"]["address"].as_str().expect("an address").parse().expect("an address");
            let log = child.stderr.take().expect("it was piped");
            Self { process: Killed(child), address, log }
        }

        fn limit(&self, bytes: Option<u64>) {
            let pid = i32::try_from(self.process.0.id()).ok().and_then(Pid::from_raw).expect("a process");
            let limit = Rlimit { current: bytes, maximum: None };
            prlimit(Some(pid), Resource::Fsize, limit).expect("the limit can be set");
        }

        /// Ends it, and gives what it has said.
        fn end(self) -> String {
            let Self { process, mut log, .. } = self;
            drop(process);
            let mut text = String::new();
            log.read_to_string(&mut text).expect("the log is text");
            text
        }
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_used_and_stored_when_there_is_space() {
        let vendor = Vendor::start(Kind::EndsAtOnce);
        let wallet = Wallet::new(&vendor, false);
        let byok = Limited::serve(&wallet.home);
        let body = json!({"model": "kimi/k3", "messages": [{"role": "user", "content": "Hi"}]});
        let ask = || http::post(byok.address, "/v1/chat/completions", &body);
        assert_eq!(ask().status(), 200);

        byok.limit(Some(0));
        vendor.session().newest = 5;
        for _ in 0..3 {
            let answer = ask();
            assert_eq!(answer.status(), 200, "{}", answer.text());
        }
        assert_eq!(wallet.refresh_token(), "refresh-token-0");

        byok.limit(None);
        let until = Instant::now() + Duration::from_secs(60);
        while wallet.refresh_token() != "refresh-token-6" {
            assert!(Instant::now() < until, "it was never stored: {}", byok.end());
        }
        assert_eq!(ask().status(), 200);
        let log = byok.end();
        assert!(log.contains("cannot be stored") && log.contains("kimi/default"), "{log}");
        assert!(!log.contains("access-token-6") && !log.contains("refresh-token-6"), "{log}");

        let daemon = wallet.home.serve(&[]);
        assert_eq!(super::ask(&daemon).status(), 200, "no new login is needed");
        let session = vendor.session();
        assert_eq!((session.renewals, session.refused), (1, 0));
    }
}
