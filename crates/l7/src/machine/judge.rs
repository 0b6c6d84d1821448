//! From a parsed head to a decision: may this be a request, which rule does it meet, and what does
//! its target receive.
//!
//! This is one of the two bridges between `wire` (bytes into spans) and `core` (meaning): the
//! views of a head are shown to core as borrowed facts.
//!
//! Invariant: after `judge`, `Exchange::request` is the one framing of the request's body.

use weir_core::snapshot::{DesyncMode, ListenerPlan};
use weir_core::traffic::http::connection::ConnectionOptions;
use weir_core::traffic::http::desync::{self, Action, Tier};
use weir_core::traffic::http::framing::{RequestBody, request_framing};
use weir_core::traffic::http::outcome::Cause;
use weir_core::traffic::http::screen::{self, Expectation};
use weir_core::traffic::http::uri::{self, Target};
use weir_core::traffic::http::{
    Anomalies, FramingHint, HeaderView, Headers, RequestFacts, Version, host,
};
use weir_core::traffic::redirect::RedirectFacts;
use weir_core::traffic::route::{HeaderSource, RouteFacts, RoutingPlan};
use weir_core::traffic::transform::{TransformPlan, Transformed};
use weir_wire::http1::body::Body;
use weir_wire::http1::{Fields, Framing, Known, RequestHead};

use super::engine::{Desk, Engine};
use super::exchange::{Exchange, LogPart};
use super::forward::Routed;
use super::head::{self, Outgoing};
use super::respond::Answer;

/// The header lines of a parsed head, shown to core.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    pub buf: &'a [u8],
    pub fields: &'a Fields,
}

/// What the request asks for, split once.
pub(super) struct Asked<'a> {
    pub target: Target<'a>,
    /// Host for matching, without port.
    pub host: &'a [u8],
    pub version: Version,
    pub options: ConnectionOptions,
}

/// What follows from the rule.
enum Step {
    /// The load balancer answers itself.
    Answer(Answer),
    /// A target is asked, perhaps for something else.
    Forward(Transformed),
}

// === impl Lines ===

impl Headers for Lines<'_> {
    fn count(&self) -> usize {
        self.fields.len()
    }

    fn line(&self, index: usize) -> HeaderView<'_> {
        let field = &self.fields.as_slice()[index];
        HeaderView { name: field.raw_name(self.buf), value: field.value(self.buf) }
    }
}

impl HeaderSource for Lines<'_> {
    fn any_value(&self, name: &[u8], test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let known = Known::of(name);
        if known != Known::Other {
            return self.fields.values(known, self.buf).any(test);
        }
        let lines = self.fields.as_slice().iter();
        lines
            .filter(|field| field.known == Known::Other)
            .filter(|field| field.raw_name(self.buf).eq_ignore_ascii_case(name))
            .any(|field| test(field.value(self.buf)))
    }
}

/// What the length headers say, in core's words.
pub(super) fn hint(framing: Framing) -> FramingHint {
    match framing {
        Framing::None => FramingHint::None,
        Framing::Length(length) => FramingHint::Length(length),
        Framing::Chunked => FramingHint::Chunked,
        Framing::Odd => FramingHint::Odd,
    }
}

fn facts<'a>(head: &RequestHead, lines: Lines<'a>) -> RequestFacts<'a, Lines<'a>> {
    RequestFacts {
        method: head.method.of(lines.buf),
        target: head.target.of(lines.buf),
        version: head.version_text.of(lines.buf),
        anomalies: Anomalies::from_bits(head.anomalies.bits()),
        first_ambiguous: Anomalies::from_bits(head.first_ambiguous.bits()),
        framing: hint(head.fields.framing()),
        headers: lines,
    }
}

impl Engine {
    /// Decides what happens with a request whose head is complete. On `Forward` the head for the
    /// target stands in the outbox.
    // spec: alb §0.7 Request processing order (recommended pipeline)
    pub(super) fn judge(
        &mut self,
        x: &mut Exchange,
        desk: &mut Desk,
        (buf, head_len): (&[u8], usize),
    ) -> Result<Routed, Cause> {
        let world = x.world.clone();
        let plan = world.listener(x.listener).ok_or(Cause::RequestMalformed)?;
        let head = &desk.request;
        let lines = Lines { buf, fields: &head.fields };
        let facts = facts(head, lines);
        let asked = asked(head, &facts, buf);
        x.method = facts.method();
        x.flags.old_client = !matches!(asked.version, Version::Http11 | Version::Http1x);
        x.flags.keep_alive = asked.options.persists(asked.version);
        let expect = head.fields.value(Known::Expect, buf);
        x.flags.expects =
            expect.is_some() && screen::expectation(asked.version, expect) == Expectation::Continue;
        self.note_for_log(x, plan, head, (&asked, buf));
        let admitted = admit(x, plan, &facts, head);
        self.count_noncompliant(plan, x);
        admitted?;
        self.count_headers(plan, head);
        let transformed = match self.route(x, plan, (&asked, &facts))? {
            Step::Answer(answer) => return Ok(Routed::Answer(answer)),
            Step::Forward(transformed) => transformed,
        };
        let random = [self.rng.next_u64(), self.rng.next_u64()];
        let peer = self.peer(x.client);
        let mut outbox = self.take_buffer();
        let outgoing = Outgoing {
            plan,
            head,
            asked: &asked,
            transformed: &transformed,
            buf,
            head_len,
            body: &x.request,
            isolate: x.flags.isolate,
            peer,
            now: self.now,
            random,
        };
        head::write_request(&outgoing, &mut desk.value, &mut outbox);
        if plan.load_balancer.access_log.is_some() {
            x.log.push(LogPart::TraceId, &desk.value);
        }
        (x.outbox, x.outbox_at) = (outbox, 0);
        Ok(Routed::Forward)
    }

    /// Finds the rule.
    fn route(
        &mut self,
        x: &mut Exchange,
        plan: &ListenerPlan,
        (asked, facts): (&Asked<'_>, &RequestFacts<'_, Lines<'_>>),
    ) -> Result<Step, Cause> {
        let path = uri::normalize_path(asked.target.path());
        let query = asked.target.query().unwrap_or_default();
        let source = self.peer(x.client).ip();
        let route_facts = RouteFacts {
            host: asked.host,
            path: &path,
            query,
            method: facts.method,
            source,
            headers: &facts.headers,
        };
        let (rule, evaluated) = plan.rules.route(&route_facts);
        let lane = &plan.cell.lanes[self.thread];
        lane.rule_evaluations.add(evaluated as u64 + 1);
        x.route.priority = Some(rule.priority.log_number());
        match &*rule.action {
            RoutingPlan::Forward(weighted) => {
                x.route.action = "forward";
                let transformed = match &rule.transforms {
                    Some(transforms) => transform(x, plan, asked, transforms)?,
                    None => Transformed::default(),
                };
                x.route.group = Some(weighted.pick(&mut self.rng).ok_or(Cause::TargetsMissing)?);
                Ok(Step::Forward(transformed))
            }
            RoutingPlan::Fixed(fixed) => {
                x.route.action = "fixed-response";
                lane.fixed_responses.inc();
                Ok(Step::Answer(Answer::Fixed(fixed.clone())))
            }
            RoutingPlan::Redirect(redirect) => {
                x.route.action = "redirect";
                // A request without a host came to the load balancer's own name.
                let own = plan.load_balancer.dns_name.as_bytes();
                let facts = RedirectFacts {
                    protocol: plan.protocol.scheme(),
                    host: if asked.host.is_empty() { own } else { asked.host },
                    port: plan.port,
                    path: asked.target.path(),
                    query,
                };
                let location =
                    redirect.render(&facts).map_err(|_too_long| Cause::RedirectTooLong)?;
                lane.redirects.inc();
                if plan.load_balancer.access_log.is_some() {
                    x.log.push(LogPart::Location, &location);
                }
                Ok(Step::Answer(Answer::Redirect { status: redirect.status, location }))
            }
        }
    }

    fn note_for_log(
        &self,
        x: &mut Exchange,
        plan: &ListenerPlan,
        head: &RequestHead,
        (asked, buf): (&Asked<'_>, &[u8]),
    ) {
        if plan.load_balancer.access_log.is_none() {
            return;
        }
        x.log.push(LogPart::Method, head.method.of(buf));
        x.log.push(LogPart::Host, asked.host);
        x.log.push(LogPart::Target, head.target.of(buf));
        x.log.push(LogPart::Version, head.version_text.of(buf));
        let user_agent = head.fields.value(Known::UserAgent, buf);
        x.log.push(LogPart::UserAgent, user_agent.unwrap_or_default());
    }

    /// Whatever the mode, and also when the request is blocked for it.
    // spec: alb §3.9 Desync mitigation
    fn count_noncompliant(&self, plan: &ListenerPlan, x: &Exchange) {
        if x.verdict.tier != Tier::Compliant {
            plan.cell.lanes[self.thread].noncompliant.inc();
        }
    }

    // spec: alb §3.8 Invalid header fields
    fn count_headers(&self, plan: &ListenerPlan, head: &RequestHead) {
        let lane = &plan.cell.lanes[self.thread];
        if head.fields.has_invalid_names() {
            match plan.load_balancer.drop_invalid_headers {
                true => lane.dropped_headers.inc(),
                false => lane.forwarded_headers.inc(),
            }
        }
    }
}

/// Rewrites what the target is asked for, and notes it for the log.
// spec: alb §2.4 Transforms (released 2025-10-15)
fn transform(
    x: &mut Exchange,
    plan: &ListenerPlan,
    asked: &Asked<'_>,
    transforms: &TransformPlan,
) -> Result<Transformed, Cause> {
    let own = plan.load_balancer.dns_name.as_bytes();
    let host = host::lower_case(if asked.host.is_empty() { own } else { asked.host });
    // `OPTIONS *` and the like have no URL that could be rewritten.
    let url = match &asked.target {
        Target::Origin(rest) | Target::Absolute { rest, .. } => match rest.query {
            Some(query) => [rest.path, b"?", query].concat(),
            None => rest.path.to_vec(),
        },
        Target::Asterisk | Target::Other(_) => Vec::new(),
    };
    x.route.action = "rewrite,forward";
    match transforms.apply(&host, (!url.is_empty()).then_some(url.as_slice())) {
        Ok(transformed) => {
            x.route.transform = "TransformSuccess";
            if plan.load_balancer.access_log.is_some() {
                let text = |text: &Option<Vec<u8>>| text.clone().unwrap_or_default();
                x.log.push(LogPart::TransformedHost, &text(&transformed.host));
                x.log.push(LogPart::TransformedUri, &text(&transformed.url));
            }
            Ok(transformed)
        }
        Err(failure) => {
            x.route.transform = failure.code();
            Err(Cause::TransformFailed)
        }
    }
}

fn asked<'a>(head: &RequestHead, facts: &RequestFacts<'a, Lines<'a>>, buf: &'a [u8]) -> Asked<'a> {
    let target = Target::split(facts.target);
    let options = if head.fields.has(Known::Connection) {
        ConnectionOptions::read(head.fields.values(Known::Connection, buf))
    } else {
        ConnectionOptions::default()
    };
    let header = head.fields.value(Known::Host, buf);
    let host = host::matching(header, target.authority());
    Asked { target, host, version: facts.version(), options }
}

/// Everything that can refuse a request before it is routed. The framing comes first, because an
/// answer needs to know where the next request begins.
fn admit(
    x: &mut Exchange,
    plan: &ListenerPlan,
    facts: &RequestFacts<'_, Lines<'_>>,
    head: &RequestHead,
) -> Result<(), Cause> {
    let framing = request_framing(facts);
    if let Ok(framing) = framing {
        x.request = match framing {
            RequestBody::None => Body::None,
            RequestBody::Length(length) => Body::Length(length),
            RequestBody::Chunked => Body::chunked(),
        };
    }
    x.verdict = desync::classify(facts);
    let mode = match plan.load_balancer.desync_mode {
        DesyncMode::Monitor => desync::Mode::Monitor,
        DesyncMode::Defensive => desync::Mode::Defensive,
        DesyncMode::Strictest => desync::Mode::Strictest,
    };
    let action = desync::action(x.verdict.tier, mode);
    x.flags.isolate = action != Action::Allow;
    let fields = &head.fields;
    match screen::screen(facts, fields.has(Known::Host), fields.has(Known::XForwardedFor)) {
        // A refusal that keeps the connection needs to know where the next request begins.
        Err(refusal) if refusal.closes() || framing.is_ok() => return Err(Cause::from(refusal)),
        _ => {}
    }
    if action == Action::Block {
        return Err(Cause::DesyncBlocked);
    }
    framing.map_err(|refusal| Cause::from(screen::Refusal::from(refusal)))?;
    // Whatever the mode: a method that is no token cannot be written on a request line.
    if facts.anomalies.intersects(Anomalies::ODD_METHOD) {
        return Err(Cause::RequestMalformed);
    }
    Ok(())
}
