import ColonyCaches
import ColonyCore
import HummingbirdCore
import NIOCore

/// Writes invalidations to one client as server-sent events.
///
/// The first event is `gap`: whatever the client has read before is of unknown age. Then come `keys` with the keys that
/// were written or removed, `all` when everything was removed, and `gap` again if the client fell too far behind.
struct InvalidationStream {
    let hub: InvalidationHub
    let clock: any MonotonicClock
    /// What the client may see.
    let token: AccessToken?

    /// Writes until the client goes away or the hub closes.
    @concurrent
    func write(_ subscription: InvalidationHub.Subscription, to writer: inout some ResponseBodyWriter) async throws {
        try await writer.write(ByteBuffer(string: "retry: 2000\nevent: gap\ndata: {}\n\n"))
        for await message in EventStream.withHeartbeats(subscription.wakes, clock: self.clock) {
            // At a heartbeat, too: while a slow client is written to, heartbeats may push a wake out of the buffer.
            if let change = self.hub.take(subscription), let event = self.event(change) {
                try await writer.write(event)
            } else if case .heartbeat = message {
                try await writer.write(ByteBuffer(string: ": alive\n\n"))
            }
        }
    }

    private func event(_ change: CacheInvalidation) -> ByteBuffer? {
        var buffer = ByteBufferAllocator().buffer(capacity: 128)
        switch change {
        case .gap: buffer.writeJSON("event: gap\ndata: {}\n\n")
        case .all: buffer.writeJSON("event: all\ndata: {}\n\n")
        case .keys(let keys):
            let visible = keys.filter { self.token?.covers($0.rawValue) ?? true }
            if visible.isEmpty { return nil }
            buffer.writeJSON("event: keys\ndata: {\"keys\":[")
            for (index, key) in visible.enumerated() {
                if index > 0 { buffer.writeJSON(",") }
                buffer.writeJSON(string: key.rawValue)
            }
            buffer.writeJSON("]}\n\n")
        }
        return buffer
    }
}
