import NIOCore

/// The other end of a connection, as the handlers of requests see it.
struct Client: Sendable {
    private let channel: any Channel

    init(_ channel: any Channel) {
        self.channel = channel
    }

    /// Calls `action` once when the client closes its side, or soon if it has already done so.
    func whenGone(_ action: @escaping @Sendable () -> Void) {
        self.onLoop { monitor in
            if let monitor { monitor.watch(action) } else { action() }
        }
    }

    func stopWatching() {
        self.onLoop { $0?.unwatch() }
    }

    /// Runs `body` with the monitor of the connection, or with `nil` if the connection is closed.
    private func onLoop(_ body: @escaping @Sendable (ConnectionMonitor?) -> Void) {
        let channel = self.channel
        channel.eventLoop.execute {
            body(try? channel.pipeline.syncOperations.handler(type: ConnectionMonitor.self))
        }
    }
}
