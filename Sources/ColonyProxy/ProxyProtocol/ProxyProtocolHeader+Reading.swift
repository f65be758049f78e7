package import NIOCore

extension ProxyProtocolHeader {
    /// What the first bytes of a connection are.
    package enum Reading: Equatable {
        /// A header; its bytes have been taken out.
        case header(ProxyProtocolHeader)
        /// It may become a header with more bytes.
        case incomplete
        /// No header.
        case invalid
    }

    /// Reads a header of either version.
    ///
    /// - Parameter buffer: From the first byte of the connection on; changed only if a header was read.
    package static func read(from buffer: inout ByteBuffer) -> Reading {
        guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return .incomplete }
        return first == Self.signature[0] ? self.readBytes(from: &buffer) : self.readLine(from: &buffer)
    }

    // MARK: Version 1

    private static let prefix = Array("PROXY ".utf8)

    private static func readLine(from buffer: inout ByteBuffer) -> Reading {
        let bytes = buffer.readableBytesView.prefix(Self.longestLine)
        guard zip(bytes, Self.prefix).allSatisfy({ $0 == $1 }) else { return .invalid }
        guard let end = bytes.firstIndex(of: 0x0A) else {
            return bytes.count < Self.longestLine ? .incomplete : .invalid
        }
        guard end > bytes.startIndex, bytes[end - 1] == 0x0D else { return .invalid }
        let line = String(decoding: bytes[bytes.startIndex..<(end - 1)], as: UTF8.self)
        guard let header = Self.parse(line) else { return .invalid }
        buffer.moveReaderIndex(to: end + 1)
        return .header(header)
    }

    private static func parse(_ line: String) -> ProxyProtocolHeader? {
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        // What follows UNKNOWN is to be passed over.
        if words.count >= 2, words[1] == "UNKNOWN" { return ProxyProtocolHeader(route: nil) }
        guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6",
            let client = Self.address(words[2], port: words[4]),
            let destination = Self.address(words[3], port: words[5])
        else { return nil }
        switch (words[1], client, destination) {
        case ("TCP4", .v4, .v4), ("TCP6", .v6, .v6):
            return ProxyProtocolHeader(route: Route(client: client, destination: destination))
        default:
            return nil
        }
    }

    private static func address(_ text: Substring, port: Substring) -> SocketAddress? {
        guard !port.isEmpty, port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), port == "0" || port.first != "0",
            let number = Int(port), number <= 65_535
        else { return nil }
        return try? SocketAddress(ipAddress: String(text), port: number)
    }

    // MARK: Version 2

    private static func readBytes(from buffer: inout ByteBuffer) -> Reading {
        guard zip(buffer.readableBytesView, Self.signature).allSatisfy({ $0 == $1 }) else { return .invalid }
        let start = buffer.readerIndex
        guard buffer.readableBytes >= 16, let command = buffer.getInteger(at: start + 12, as: UInt8.self),
            let family = buffer.getInteger(at: start + 13, as: UInt8.self),
            let length = buffer.getInteger(at: start + 14, as: UInt16.self).map(Int.init)
        else { return .incomplete }
        guard command == 0x20 || command == 0x21, length <= Self.longestTail else { return .invalid }
        guard buffer.readableBytes >= 16 + length else { return .incomplete }
        let route: Route?
        switch (command, family) {
        case (0x21, 0x11):
            guard length >= 12 else { return .invalid }
            route = Self.route(in: buffer, at: start + 16, addressLength: 4)
        case (0x21, 0x21):
            guard length >= 36 else { return .invalid }
            route = Self.route(in: buffer, at: start + 16, addressLength: 16)
        default:
            // The sender itself, or a kind of address that says nothing here.
            route = nil
        }
        buffer.moveReaderIndex(forwardBy: 16 + length)
        return .header(ProxyProtocolHeader(route: route))
    }

    private static func route(in buffer: ByteBuffer, at start: Int, addressLength: Int) -> Route? {
        guard let client = buffer.getSlice(at: start, length: addressLength),
            let destination = buffer.getSlice(at: start + addressLength, length: addressLength),
            let clientPort = buffer.getInteger(at: start + 2 * addressLength, as: UInt16.self),
            let destinationPort = buffer.getInteger(at: start + 2 * addressLength + 2, as: UInt16.self),
            let from = try? SocketAddress(packedIPAddress: client, port: Int(clientPort)),
            let to = try? SocketAddress(packedIPAddress: destination, port: Int(destinationPort))
        else { return nil }
        return Route(client: from, destination: to)
    }
}
