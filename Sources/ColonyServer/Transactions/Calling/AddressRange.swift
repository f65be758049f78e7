import ColonyCore
import Foundation
import NIOCore

/// A range of addresses as one writes it: `10.0.0.0/8`, `fd00::/8`, or a single address.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    /// Why text is no range.
    struct Defect: Error {
        let reason: String
    }

    private let bytes: [UInt8]
    private let bits: Int

    init(_ text: some StringProtocol) throws(Defect) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = try? SocketAddress(ipAddress: String(parts[0]), port: 0),
            let bytes = Self.bytes(of: address)
        else {
            throw Defect(reason: "\(NameRules.quoted(String(parts[0]))) is no address")
        }
        self.bytes = bytes
        guard parts.count == 2 else {
            self.bits = bytes.count * 8
            return
        }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let bits = Int(parts[1]),
            (0...bytes.count * 8).contains(bits)
        else {
            throw Defect(
                reason: "\(NameRules.quoted(String(parts[1]))) is no length of a prefix: from 0 to \(bytes.count * 8)")
        }
        self.bits = bits
    }

    /// One that the program knows.
    init(known text: StaticString) {
        do throws(Defect) {
            try self.init("\(text)")
        } catch {
            preconditionFailure("\(text): \(error.reason)")
        }
    }

    /// The bytes of an address of version 4 or 6; of version 4 also those that are written as one of version 6, since the kernel
    /// reaches the same host.
    static func bytes(of address: SocketAddress) -> [UInt8]? {
        switch address {
        case .v4(let address):
            return withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
        case .v6(let address):
            let bytes = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
            let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
            return isMapped ? Array(bytes[12...]) : bytes
        case .unixDomainSocket: return nil
        }
    }

    func contains(_ address: [UInt8]) -> Bool {
        guard address.count == self.bytes.count else { return false }
        let whole = self.bits / 8
        guard address[..<whole].elementsEqual(self.bytes[..<whole]) else { return false }
        let rest = self.bits % 8
        return rest == 0 || (address[whole] ^ self.bytes[whole]) >> (8 - rest) == 0
    }

    public var description: String {
        let text =
            self.bytes.count == 4
            ? self.bytes.map(String.init).joined(separator: ".")
            : stride(from: 0, to: 16, by: 2).map {
                String(UInt16(self.bytes[$0]) << 8 | UInt16(self.bytes[$0 + 1]), radix: 16)
            }.joined(separator: ":")
        return self.bits == self.bytes.count * 8 ? text : "\(text)/\(self.bits)"
    }
}
