package import NIOCore

/// What the header of the PROXY protocol says: from where to where the client's connection goes.
///
/// Reference: W. Tarreau, *The PROXY protocol, versions 1 & 2*, HAProxy Technologies, 2020.
package struct ProxyProtocolHeader: Equatable {
    /// The client and the address it connected to; `nil` if the sender speaks for itself, or does not know.
    package struct Route: Equatable {
        package let client: SocketAddress
        package let destination: SocketAddress

        package init(client: SocketAddress, destination: SocketAddress) {
            self.client = client
            self.destination = destination
        }
    }

    package let route: Route?

    package init(route: Route?) { self.route = route }

    /// What is known of a connection. Both addresses must be of one family, or there is nothing to tell.
    init(_ origin: ConnectionOrigin) {
        guard !origin.isLocal, let client = origin.client, let destination = origin.destination else {
            self.route = nil
            return
        }
        switch (client.unmapped, destination.unmapped) {
        case (.v4(let client), .v4(let destination)):
            self.route = Route(client: .v4(client), destination: .v4(destination))
        default:
            // With only one of them mapped, both are told as they are.
            switch (client, destination) {
            case (.v6, .v6): self.route = Route(client: client, destination: destination)
            default: self.route = nil
            }
        }
    }

    /// The twelve bytes that no other protocol begins with.
    static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    /// The longest line of version 1, with its end.
    static let longestLine = 107
    /// The most bytes behind the fixed part of version 2 that are taken; the specification asks for no more than 536 in all, and what
    /// senders add beyond the addresses is small.
    static let longestTail = 2_048

    // MARK: Writing

    package func write(_ version: ProxyProtocolOptions.Version, to buffer: inout ByteBuffer) {
        switch version {
        case .one: self.writeLine(to: &buffer)
        case .two: self.writeBytes(to: &buffer)
        }
    }

    private func writeLine(to buffer: inout ByteBuffer) {
        guard let route, let client = route.client.ipAddress, let destination = route.destination.ipAddress,
            let clientPort = route.client.port, let destinationPort = route.destination.port
        else {
            buffer.writeStaticString("PROXY UNKNOWN\r\n")
            return
        }
        let family = if case .v4 = route.client { "TCP4" } else { "TCP6" }
        buffer.writeString("PROXY \(family) \(client) \(destination) \(clientPort) \(destinationPort)\r\n")
    }

    private func writeBytes(to buffer: inout ByteBuffer) {
        buffer.writeBytes(Self.signature)
        guard let route, let client = route.client.ipAddress.flatMap(NetworkAddress.bytes),
            let destination = route.destination.ipAddress.flatMap(NetworkAddress.bytes),
            client.count == destination.count, let clientPort = route.client.port,
            let destinationPort = route.destination.port
        else {
            buffer.writeInteger(0x2000 as UInt16)
            buffer.writeInteger(0 as UInt16)
            return
        }
        buffer.writeInteger((client.count == 4 ? 0x2111 : 0x2121) as UInt16)
        buffer.writeInteger(UInt16(2 * client.count + 4))
        buffer.writeBytes(client)
        buffer.writeBytes(destination)
        buffer.writeInteger(UInt16(truncatingIfNeeded: clientPort))
        buffer.writeInteger(UInt16(truncatingIfNeeded: destinationPort))
    }
}
