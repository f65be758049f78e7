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
    /// What has taken the connection in before, and hands its place on to the next one that asks for one.
    var admitted: (any ClientConnection)?

    init(client: SocketAddress?, destination: SocketAddress?) {
        self.client = client
        self.destination = destination
    }

    convenience init(_ channel: any Channel) {
        self.init(client: channel.remoteAddress, destination: channel.localAddress)
    }

    /// The client's address without the port, as balancers and logs use it.
    var clientText: String { self.client?.unmapped.ipAddress ?? "" }
}

extension SocketAddress {
    /// The IPv4 address that an IPv6 one of the form `::ffff:a.b.c.d` stands for; others as they are.
    ///
    /// A socket that listens for both versions sees clients of IPv4 so. Whoever is told of them knows them by their own addresses.
    var unmapped: SocketAddress {
        guard case .v6 = self, let bytes = self.ipAddress.flatMap(NetworkAddress.bytes), bytes.count == 16,
            bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF,
            let found = try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes.suffix(4)), port: self.port ?? 0)
        else { return self }
        return found
    }
}
