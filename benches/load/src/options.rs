//! The command line: one scenario, then `--name value` pairs.

use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::dialect::{self, Dialect};
use crate::stamp;

/// What is printed after a usage error.
pub(crate) const USAGE: &str = "\
usage: packetboat-load SCENARIO --dialect DIALECT --target 127.0.0.1:PORT --pid PID [options]

scenarios  saturated  as many messages as the window lets through
           paced      --rate messages a second
           idle       --connections that do nothing
           slow       paced, without and with one receiver that stops reading
           mass       --connections vanish while new ones arrive
           storm      --connections come back at once and have --missed messages (packetboat.v1)
           vanish     --connections vanish while --receivers stay
           handoff    a file of --megabytes from one to another (share)
           members    --connections in sharing sessions of five (share)
           trickle    a reader of --rate bytes a second (share)
dialects   packetboat, packetboat.v1, ws, socketio, share
options    --receivers N (1000)     --senders N (4)        --window N (64, a sender)
           --text BYTES (64)        --rate N (20)          --warmup SECONDS (2)
           --seconds SECONDS (10)   --connections N (10000)
           --stall SECONDS (40, longest time the slow reader does not read)
           --missed N (2000, messages)                   --megabytes N (256)";

/// Connections, senders and the like are refused above this: the ephemeral port range of
/// one loopback address ends there.
const MOST_CONNECTIONS: usize = 20_000;

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    Saturated,
    Paced,
    Idle,
    Slow,
    Mass,
    Storm,
    Vanish,
    Handoff,
    Members,
    Trickle,
}

impl Scenario {
    /// The word for it on the command line and in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scenario::Saturated => "saturated",
            Scenario::Paced => "paced",
            Scenario::Idle => "idle",
            Scenario::Slow => "slow",
            Scenario::Mass => "mass",
            Scenario::Storm => "storm",
            Scenario::Vanish => "vanish",
            Scenario::Handoff => "handoff",
            Scenario::Members => "members",
            Scenario::Trickle => "trickle",
        }
    }

    fn named(name: &str) -> anyhow::Result<Self> {
        [
            Self::Saturated,
            Self::Paced,
            Self::Idle,
            Self::Slow,
            Self::Mass,
            Self::Storm,
            Self::Vanish,
            Self::Handoff,
            Self::Members,
            Self::Trickle,
        ]
        .into_iter()
        .find(|scenario| scenario.name() == name)
        .with_context(|| format!("unknown scenario {name:?}"))
    }
}

/// One run, as asked for.
pub(crate) struct Options {
    pub(crate) scenario: Scenario,
    pub(crate) dialect: &'static dyn Dialect,
    /// Always within 127.0.0.0/8.
    pub(crate) target: SocketAddrV4,
    /// The server's process id, whose CPU time and memory are read.
    pub(crate) pid: u32,
    pub(crate) receivers: usize,
    pub(crate) senders: usize,
    /// Messages a sender may have in flight when saturating.
    pub(crate) window: u64,
    /// Bytes of message text.
    pub(crate) text: usize,
    /// Messages a second when paced, over all senders.
    pub(crate) rate: f64,
    pub(crate) warmup: Duration,
    pub(crate) measured: Duration,
    pub(crate) connections: usize,
    pub(crate) stall: Duration,
    /// Messages that those who come back have missed.
    pub(crate) missed: usize,
    /// The size of the file that is handed off; a million bytes each.
    pub(crate) megabytes: u64,
}

impl Options {
    /// Reads the arguments after the program's name.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let scenario = Scenario::named(&arguments.next().context("no scenario given")?)?;
        let (mut dialect, mut target, mut pid) = (None, None, None);
        let mut options = Self {
            scenario,
            dialect: dialect::PACKETBOAT,
            target: SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0),
            pid: 0,
            receivers: 1000,
            senders: 4,
            window: 64,
            text: 64,
            rate: 20.0,
            warmup: Duration::from_secs(2),
            measured: Duration::from_secs(10),
            connections: 10_000,
            stall: Duration::from_secs(40),
            missed: 2000,
            megabytes: 256,
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--dialect" => dialect = Some(dialect::named(&value)?),
                "--target" => target = Some(number::<SocketAddrV4>(&name, &value)?),
                "--pid" => pid = Some(number(&name, &value)?),
                "--receivers" => options.receivers = number(&name, &value)?,
                "--senders" => options.senders = number(&name, &value)?,
                "--window" => options.window = number(&name, &value)?,
                "--text" => options.text = number(&name, &value)?,
                "--rate" => options.rate = number(&name, &value)?,
                "--warmup" => options.warmup = seconds(&name, &value)?,
                "--seconds" => options.measured = seconds(&name, &value)?,
                "--connections" => options.connections = number(&name, &value)?,
                "--missed" => options.missed = number(&name, &value)?,
                "--megabytes" => options.megabytes = number(&name, &value)?,
                "--stall" => options.stall = seconds(&name, &value)?,
                _ => bail!("unknown option {name}"),
            }
        }
        options.dialect = dialect.context("--dialect is missing")?;
        options.target = target.context("--target is missing")?;
        options.pid = pid.context("--pid is missing")?;
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.target.ip().is_loopback(),
            "{} is not in 127.0.0.0/8: this program loads its own machine only",
            self.target.ip()
        );
        let most = 1..=MOST_CONNECTIONS;
        ensure!(most.contains(&self.receivers), "--receivers must be within {most:?}");
        ensure!(most.contains(&self.connections), "--connections must be within {most:?}");
        ensure!((1..=100).contains(&self.senders), "--senders must be within 1..=100");
        ensure!((1..=10_000).contains(&self.window), "--window must be within 1..=10000");
        let text = stamp::LENGTH..=300;
        ensure!(text.contains(&self.text), "--text must be within {text:?}");
        ensure!((1..=10_000).contains(&self.megabytes), "--megabytes must be within 1..=10000");
        ensure!((0.1..=100_000.0).contains(&self.rate), "--rate must be within 0.1..=100000");
        Ok(())
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> anyhow::Result<T> {
    value.parse().map_err(|_| anyhow::anyhow!("{name} cannot be {value:?}"))
}

/// At most an hour: every scenario ends by itself.
fn seconds(name: &str, value: &str) -> anyhow::Result<Duration> {
    let seconds: f64 = number(name, value)?;
    ensure!((0.0..=3600.0).contains(&seconds), "{name} must be within 0 and 3600");
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(line: &str) -> anyhow::Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_whole_line_is_understood() {
        let line = "paced --dialect ws --target 127.0.0.1:80 --pid 7 --rate 500 --seconds 1.5";
        let options = parse(line).unwrap();
        assert_eq!((options.scenario.name(), options.dialect.name()), ("paced", "ws"));
        assert_eq!((options.pid, options.rate, options.measured.as_millis()), (7, 500.0, 1500));
    }

    #[test]
    fn addresses_of_other_machines_are_refused() {
        for target in ["10.0.0.1:80", "0.0.0.0:80", "128.0.0.1:80", "[::1]:80", "localhost:80"] {
            let line = format!("idle --dialect ws --pid 7 --target {target}");
            assert!(parse(&line).is_err(), "{target}");
        }
        assert!(parse("idle --dialect ws --pid 7 --target 127.8.9.1:80").is_ok());
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let error = |line: &str| parse(line).map(|_| ()).unwrap_err().to_string();
        assert_eq!(error("idle"), "--dialect is missing");
        assert_eq!(error("nap"), "unknown scenario \"nap\"");
        assert_eq!(error("idle --pid"), "--pid needs a value");
        assert_eq!(error("idle --pid x"), "--pid cannot be \"x\"");
        assert_eq!(error("idle --colour red"), "unknown option --colour");
    }
}
