//! Patience with a server that asks for it: how long, all requests together, and only as long as somebody wants to wait.

use super::watch::lock;
use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

tokio::task_local! {
    /// Ends the waits of the work that runs under it.
    static STOP: CancellationToken;
}

/// Runs work whose waits for the server end when somebody stops it. A request that was sent is not given up.
pub(super) async fn until<T>(stop: CancellationToken, work: impl Future<Output = T>) -> T {
    STOP.scope(stop, work).await
}

/// Runs work that is not to be left half done: its waits last until their own limits, whoever stops what is around it.
pub(super) async fn to_its_end<T>(work: impl Future<Output = T>) -> T {
    until(CancellationToken::new(), work).await
}

/// Waits for something; nothing when somebody stops it first.
pub(super) async fn unless_stopped<T>(wait: impl Future<Output = T>) -> Option<T> {
    let stop = STOP.try_with(Clone::clone).unwrap_or_default();
    stop.run_until_cancelled(wait).await
}

/// Waits before the next attempt at a write, longer each time; whether there is to be one.
pub(super) async fn back_off(attempt: u32) -> bool {
    let pause = Duration::from_millis(100) * 2_u32.saturating_pow(attempt);
    unless_stopped(tokio::time::sleep(pause)).await.is_some()
}

/// How long `Retry-After` asks to wait: seconds, or until a date by the server's own clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let parser = DateTimeParser::new();
    let date = |text: &str| parser.parse_timestamp(text).ok();
    let now = text(DATE).and_then(date).unwrap_or_else(Timestamp::now);
    Some(Duration::try_from(date(asked)?.duration_since(now)).unwrap_or_default())
}

/// The rest that a server asked for. Nobody sends before its end, and then one request tries whether it is over.
#[derive(Default)]
pub(super) struct Rest {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Since a request was put off: when the next may be tried.
    until: Option<Instant>,
    /// Whether one is being tried.
    trying: bool,
}

/// Leave to send one request.
pub(super) struct Pass<'a> {
    rest: &'a Rest,
    trial: bool,
}

impl Rest {
    /// Leave to send now, where nothing speaks against it.
    pub(super) fn open(&self) -> Option<Pass<'_>> {
        let mut state = lock(&self.state);
        match state.until {
            None => Some(Pass { rest: self, trial: false }),
            Some(at) if at <= Instant::now() && !state.trying => {
                state.trying = true;
                Some(Pass { rest: self, trial: true })
            }
            Some(_) => None,
        }
    }

    /// Waits for leave to send.
    pub(super) async fn pass(&self) -> Pass<'_> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(pass) = self.open() {
                return pass;
            }
            let end = lock(&self.state).until.filter(|at| *at > Instant::now());
            match end {
                Some(end) => tokio::time::sleep_until(end).await,
                None => changed.await,
            }
        }
    }
}

impl Pass<'_> {
    /// The server asks everybody to wait.
    pub(super) fn put_off(self, wait: Duration) {
        let end = Instant::now() + wait;
        let mut state = lock(&self.rest.state);
        state.until = Some(state.until.map_or(end, |known| known.max(end)));
    }

    /// The server did not ask to wait.
    pub(super) fn done(self) {
        if self.trial {
            lock(&self.rest.state).until = None;
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.trial {
            lock(&self.rest.state).trying = false;
            self.rest.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Rest, retry_after, unless_stopped, until};
    use http::HeaderMap;
    use std::time::Duration;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    #[test]
    fn seconds_and_dates_are_read() {
        let date = "Wed, 21 Oct 2026 07:28:00 GMT";
        for (asked, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Wed, 21 Oct 2026 07:28:30 GMT", Some(30)),
            ("Wed, 21 Oct 2026 07:27:00 GMT", Some(0)),
            ("soon", None),
            ("-3", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", asked.parse().unwrap());
            headers.insert("date", date.parse().unwrap());
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{asked}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_rest_one_tries_and_the_others_follow() {
        let rest = Rest::default();
        let second = Duration::from_secs(1);
        let begun = Instant::now();
        rest.open().unwrap().put_off(second);
        assert!(rest.open().is_none());
        let first = rest.pass().await;
        assert_eq!(begun.elapsed(), second);
        assert!(rest.open().is_none(), "two tried at once");
        // Put off again, and then the one who tries gives up: another one tries.
        first.put_off(second);
        drop(rest.pass().await);
        assert_eq!(begun.elapsed(), second * 2);
        rest.pass().await.done();
        assert!(rest.open().is_some() && rest.open().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_when_somebody_stops_it() {
        let (stop, begun) = (CancellationToken::new(), Instant::now());
        let hour = Duration::from_secs(3600);
        assert!(unless_stopped(tokio::time::sleep(hour)).await.is_some());
        let work = until(stop.clone(), async { unless_stopped(tokio::time::sleep(hour)).await });
        let (stopped, ()) = tokio::join!(work, async { stop.cancel() });
        assert!(stopped.is_none());
        assert_eq!(begun.elapsed(), hour);
    }
}
