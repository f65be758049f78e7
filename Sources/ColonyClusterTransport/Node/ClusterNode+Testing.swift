package import ColonyCore
package import Logging
import NIOCore
import Synchronization

extension ClusterNode {
    /// A node whose names are looked up by a test.
    package convenience init(
        _ configuration: ClusterNodeConfiguration, clock: any MonotonicClock = HostClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(), logger: Logger,
        resolving resolve: @escaping @Sendable (String) -> [String]
    ) {
        self.init(
            configuration, clock: clock, generator: generator, names: HostNames(resolve), logger: logger)
    }

    /// Ends without a word, as a process does that is killed.
    package func fall() async {
        self.state.withLock { state in
            state.phase = .ended
            state.bell?.fire()
        }
        await self.close()
    }

    /// The port that it listens at, which is not the one that others know if ports are translated on the way.
    package var boundPort: Int? { self.state.withLock { $0.listener?.localAddress?.port } }

    /// Closes both sockets, as NIO does after some errors.
    package func loseSockets() async {
        for channel in self.state.withLock({ [$0.socket, $0.listener] }) { try? await channel?.close().get() }
    }
}
