//! What an exchange leaves behind: counters at its listener, and one line in the access log.
//!
//! Invariant: called once per exchange, from where it ends.
// spec: alb §11.1 Access log - fields in order (space separated)

use weir_core::traffic::http::desync::Tier;
use weir_core::traffic::report::{AccessRecord, RequestLine, access_line};

use super::engine::Engine;
use super::exchange::{Exchange, LogPart};
use super::seam::Seam;

impl Engine {
    pub(super) fn report<S: Seam>(&mut self, seam: &mut S, x: &Exchange) {
        let plan = x.plan();
        let lane = &plan.cell.lanes[self.thread];
        lane.requests.inc();
        lane.bytes_in.add(x.received);
        lane.bytes_out.add(x.sent);
        let load_balancer = &plan.load_balancer;
        if load_balancer.access_log.is_none() {
            return;
        }
        let Some((client, connection_id)) = self.who(x) else { return };
        let record = self.access_record(x, client, connection_id);
        let (mut line, mut clock) = (self.take_buffer(), self.log_clock);
        access_line(&mut line, &mut clock, &record);
        self.log_clock = clock;
        seam.record(load_balancer.cell.uid, &line);
        self.give_buffer(line);
    }

    fn who(&mut self, x: &Exchange) -> Option<(std::net::SocketAddr, u64)> {
        self.table.client(x.client).map(|client| (client.peer, client.id))
    }

    fn access_record<'a>(
        &self,
        x: &'a Exchange,
        client: std::net::SocketAddr,
        connection_id: u64,
    ) -> AccessRecord<'a> {
        let plan = x.plan();
        let times = x.times;
        let span = |from: i64, to: i64| {
            (from > 0 && to > 0).then(|| to.saturating_sub(from).max(0) as u64)
        };
        // Without an answer of the target there is nothing to measure.
        let answered = x.target_status.is_some();
        let method = x.log.part(LogPart::Method);
        let version = x.log.part(LogPart::Version);
        let scheme = plan.protocol.scheme();
        let compliant = x.verdict.tier == Tier::Compliant;
        AccessRecord {
            time_us: self.now.wall_us,
            created_us: times.created_us,
            load_balancer: &plan.load_balancer.log_name,
            client,
            target: x.route.address,
            request_processing_us: span(times.created_us, times.dispatched_us).filter(|_| answered),
            target_processing_us: span(times.dispatched_us, times.answered_us),
            response_processing_us: answered.then_some(0),
            elb_status: x.status,
            target_status: x.target_status,
            received_bytes: x.received,
            sent_bytes: x.sent,
            request: match method.is_empty() {
                true => RequestLine::unreadable(scheme, &plan.load_balancer.dns_name, plan.port),
                false => RequestLine {
                    method,
                    scheme,
                    host: x.log.part(LogPart::Host),
                    port: plan.port,
                    target: x.log.part(LogPart::Target),
                    version: if version.is_empty() { b"HTTP/0.9" } else { version },
                },
            },
            user_agent: x.log.part(LogPart::UserAgent),
            target_group: x.group().map_or("", |group| group.arn.as_str()),
            trace_id: x.log.part(LogPart::TraceId),
            rule_priority: x.route.priority,
            actions: x.route.action,
            redirect_url: x.log.part(LogPart::Location),
            error_reason: x.cause.map_or("", |cause| cause.code()),
            classification: if compliant { "" } else { x.verdict.tier.code() },
            classification_reason: if compliant { "" } else { x.verdict.reason.code() },
            connection_id,
            transformed_host: x.log.part(LogPart::TransformedHost),
            transformed_uri: x.log.part(LogPart::TransformedUri),
            transform_status: x.route.transform,
        }
    }
}
