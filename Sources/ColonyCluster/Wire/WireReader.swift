import ColonyCore

/// Reads what ``WireWriter`` writes, and believes none of it.
struct WireReader {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// How many bytes were not read yet.
    var rest: Int { self.bytes.count - self.place }

    mutating func number<Number: FixedWidthInteger & UnsignedInteger>(
        _ what: String
    ) throws(ClusterError) -> Number {
        let width = Number.bitWidth / 8
        try self.demand(width, of: what)
        var number: Number = 0
        for byte in self.bytes[self.place..<self.place + width] {
            // A number of one byte has no room to be shifted by one.
            number = width == 1 ? Number(byte) : number << 8 | Number(byte)
        }
        self.place += width
        return number
    }

    mutating func bytes(_ count: Int, of what: String) throws(ClusterError) -> [UInt8] {
        try self.demand(count, of: what)
        defer { self.place += count }
        return Array(self.bytes[self.place..<self.place + count])
    }

    mutating func text(_ what: String) throws(ClusterError) -> String {
        let length: UInt8 = try self.number("length of the \(what)")
        let bytes = try self.bytes(Int(length), of: what)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ClusterError(.malformed, "the \(what) is not UTF-8")
        }
        return text
    }

    mutating func nodeID(_ what: String) throws(ClusterError) -> NodeID {
        let text = try self.text(what)
        do {
            return try NodeID(text)
        } catch {
            throw ClusterError(.malformed, "the \(what): \(error)")
        }
    }

    mutating func address(_ what: String) throws(ClusterError) -> MemberAddress {
        let host = try self.text("host of the \(what)")
        let port: UInt16 = try self.number("port of the \(what)")
        do {
            return try MemberAddress(host: host, port: Int(port))
        } catch {
            throw ClusterError(.malformed, "the address of the \(what): \(error.message)")
        }
    }

    private func demand(_ count: Int, of what: String) throws(ClusterError) {
        guard self.rest >= count else {
            throw ClusterError(
                .malformed, "a packet ends within the \(what): \(count) bytes, and \(self.rest) are left")
        }
    }
}
