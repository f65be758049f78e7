import NIOCore

#if canImport(Glibc)
import Glibc
#endif

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

    /// Whether the client has closed its side by now, as the kernel knows it.
    ///
    /// A client that goes away and another that then releases the lock reach the daemon on different threads, which may see
    /// the second first. Where the kernel does not tell, the connection's own events have to do.
    func hasGone() async -> Bool {
        #if os(Linux) && canImport(Glibc)
        guard let provider = self.channel as? any SocketOptionProvider else { return false }
        guard let info = try? await provider.getTCPInfo().get() else { return true }
        return Int32(info.tcpi_state) != Int32(TCP_ESTABLISHED)
        #else
        return false
        #endif
    }

    /// Runs `body` with the monitor of the connection, or with `nil` if the connection is closed.
    private func onLoop(_ body: @escaping @Sendable (ConnectionMonitor?) -> Void) {
        let channel = self.channel
        channel.eventLoop.execute {
            body(try? channel.pipeline.syncOperations.handler(type: ConnectionMonitor.self))
        }
    }
}
