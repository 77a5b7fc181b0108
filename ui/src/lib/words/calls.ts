import type { Call, CallOutcome, EndReason, Participant, QualityReason, Route, Verdict } from "$lib/backend/types";
import { m } from "$lib/paraglide/messages.js";
import { duration, listOf } from "./time";

/** Why a call is over, as a sentence. Nothing here says "failed" where nobody did anything wrong. */
export function endWords(reason: EndReason): string {
  switch (reason) {
    case "hung_up":
    case "remote_hung_up":
      return m.end_over();
    case "declined_here":
      return m.end_declined_here();
    case "declined":
      return m.end_declined();
    case "busy":
      return m.end_busy();
    case "offline":
      return m.end_offline();
    case "timeout":
      return m.end_timeout();
    case "cancelled":
      return m.end_cancelled();
    case "answered_elsewhere":
      return m.end_answered_elsewhere();
    case "declined_elsewhere":
      return m.end_declined_elsewhere();
    case "no_path":
      return m.end_no_path();
    case "refused":
      return m.end_refused();
    case "server_lost":
      return m.end_server_lost();
    case "lost":
      return m.end_lost();
    case "left_group":
      return m.end_left_group();
    case "audio":
      return m.end_audio();
    case "interrupted":
      return m.end_interrupted();
    case "unknown":
      return m.end_over();
  }
}

/** Whether calling again is what one would want to do next. */
export function worthAgain(reason: EndReason): boolean {
  return ["busy", "offline", "timeout", "no_path", "server_lost", "lost", "audio", "interrupted", "declined"].includes(reason);
}

export function routeWords(route: Route): string {
  switch (route) {
    case "direct":
      return m.route_direct();
    case "relayed":
      return m.route_relayed();
    case "tunnelled":
      return m.route_tunnelled();
  }
}

export function verdictWords(verdict: Verdict): string {
  switch (verdict) {
    case "good":
      return m.verdict_good();
    case "fair":
      return m.verdict_fair();
    case "poor":
      return m.verdict_poor();
  }
}

/** What costs most of the quality; `null` when there is nothing to speak of. */
export function reasonWords(reason: QualityReason): string | null {
  switch (reason) {
    case "nothing":
      return null;
    case "loss":
    case "bursts":
      return m.quality_loss();
    case "delay":
      return m.quality_delay();
    case "jitter":
      return m.quality_jitter();
    case "bitrate":
      return m.quality_bitrate();
    case "silence":
      return m.quality_silence();
  }
}

const rank: Record<Verdict, number> = { poor: 0, fair: 1, good: 2 };

/** Whoever sounds worst, of those who are heard. */
export function worst(participants: readonly Participant[]): Participant | null {
  let found: Participant | null = null;
  for (const participant of participants) {
    if (participant.state !== "connected" || participant.quality === null) continue;
    if (found?.quality == null || rank[participant.quality.verdict] < rank[found.quality.verdict]) found = participant;
  }
  return found;
}

/** The line under the names: where the call is, or for how long it goes on. */
export function phaseWords(call: Call, now: number): string {
  switch (call.phase) {
    case "ringing_out":
      return call.participants.some((one) => one.state === "ringing") ? m.call_ringing() : m.call_calling();
    case "connecting":
      return m.call_connecting();
    case "connected":
      return duration((now - (call.connectedAt ?? now)) / 1000);
    case "reconnecting":
      return m.call_reconnecting();
    case "ended":
      return call.ended ? endWords(call.ended.reason) : m.end_over();
  }
}

/** Who is in it or is called, for a title. */
export function callTitle(call: Call, groupName: string | null): string {
  if (groupName !== null) return groupName;
  const names = call.participants.length > 0 ? call.participants.map((one) => one.name) : call.with;
  return listOf(names);
}

/** A call in a conversation. Of a group's it is not said who declined. */
export function outcomeWords(outcome: CallOutcome, own: boolean, group: boolean): string {
  switch (outcome.result) {
    case "finished":
      return m.call_finished({ duration: duration(outcome.seconds) });
    case "missed":
      return own ? m.call_unanswered() : m.call_missed();
    case "declined":
      return own || group ? m.call_declined_there() : m.call_declined();
  }
}
