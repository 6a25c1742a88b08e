//! What happens every second, whatever else does.
//!
//! Each kind of work survives its own panics and is tried again with the next tick: what
//! one tick leaves undone, the next one does.

use std::sync::Arc;
use std::time::Duration;

use base::Vitals;
use http_kit::Tls;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::parts::Parts;

/// How often capabilities look for what is overdue.
const TICK: Duration = Duration::from_secs(1);

/// Ticks between two looks at the certificate files and the metrics' upkeep.
const SLOW: u32 = 5;

/// Does what is due every second until `stop` is cancelled, dead-lines of sockets above all.
/// A task of its own: a slow database must not make peers look dead.
pub(crate) async fn tick(parts: Parts, stop: CancellationToken, vitals: Vitals) {
    let vital = vitals.watch("tick");
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        parts.tick(&vital).await;
    }
}

/// Does what may wait for the database, and looks after certificates and metrics. Runs until
/// `stop` is cancelled; a tick under way is finished.
pub(crate) async fn sweep(
    parts: Parts,
    tls: Option<Arc<Tls>>,
    recorder: PrometheusHandle,
    stop: CancellationToken,
    vitals: Vitals,
) {
    let (vital, files) = (vitals.watch("sweep"), vitals.watch("certificate look"));
    let mut ticks = tokio::time::interval(TICK);
    // After a stall one tick is enough.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut count = 0_u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        parts.sweep(&vital).await;
        count = count.wrapping_add(1);
        if count.is_multiple_of(SLOW) {
            let (tls, recorder) = (tls.clone(), recorder.clone());
            let slow = tokio::task::spawn_blocking(move || {
                if let Some(tls) = tls {
                    tls.reload_if_changed();
                }
                recorder.run_upkeep();
            });
            files.set_well(slow.await.is_ok());
        }
    }
}
