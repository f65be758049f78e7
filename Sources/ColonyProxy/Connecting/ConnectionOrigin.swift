import NIOCore

/// Who is at the other end of a client's connection, and where the client believes to be connected to. The PROXY protocol changes it
/// before anything else looks.
///
/// Used on the event loop of its connection only.
final class ConnectionOrigin {
    /// The client; `nil` if it came through a socket in the file system, or is not known.
    var client: SocketAddress?
    /// The address that the client connected to.
    var destination: SocketAddress?
    /// Whether there is a client behind the connection: a health check of the balancer in front speaks for itself.
    var isLocal = false
    /// Whether the client came through TLS.
    var isSecure = false

    init(client: SocketAddress?, destination: SocketAddress?) {
        self.client = client
        self.destination = destination
    }

    convenience init(_ channel: any Channel) {
        self.init(client: channel.remoteAddress, destination: channel.localAddress)
    }

    /// The client's address without the port, as balancers and logs use it.
    var clientText: String { self.client?.ipAddress ?? "" }
}
