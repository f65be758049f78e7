import ColonyCaches
import ColonyCore
import ColonyHashing

/// One record in the file of a journal: four bytes of length, eight of checksum, and as many as the length says.
enum HintRecord: Equatable {
    case kept(KeptHint)
    case removed(UInt64)

    /// What a file begins with: letters and a version.
    static let header = Array("CHINTS01".utf8)

    func write(to bytes: inout [UInt8]) {
        var body: [UInt8] = []
        switch self {
        case .removed(let number):
            body.append(2)
            body.append(number: number)
        case .kept(let kept):
            let hint = kept.hint
            body.append(1)
            body.append(number: kept.number)
            body.append(number: UInt64(bitPattern: hint.written.millisecondsSince1970))
            body.append(node: hint.server)
            body.append(hint.standIn == nil ? 0 : 1)
            if let standIn = hint.standIn { body.append(node: standIn) }
            body.append(UInt8(hint.key.rawValue.utf8.count))
            body.append(contentsOf: hint.key.rawValue.utf8)
            body.append(contentsOf: hint.bytes)
        }
        bytes.append(number: UInt32(clamping: body.count))
        bytes.append(number: XXH64.hash(body, seed: 0))
        bytes.append(contentsOf: body)
    }

    /// Reads the records behind the header, up to the first that does not fit.
    ///
    /// - Returns: The records, and where they end.
    static func read(_ bytes: [UInt8]) -> (records: [HintRecord], end: Int) {
        var records: [HintRecord] = []
        var place = self.header.count
        while let (record, end) = self.record(bytes, at: place) {
            records.append(record)
            place = end
        }
        return (records, place)
    }

    private static func record(_ bytes: [UInt8], at place: Int) -> (HintRecord, Int)? {
        guard bytes.count - place >= 12 else { return nil }
        do throws(QuorumError) {
            var reader = EnvelopeReader(bytes, from: place, to: bytes.count)
            let length: UInt32 = try reader.number()
            let checksum: UInt64 = try reader.number()
            let body = try reader.bytes(Int(length))
            guard XXH64.hash(body, seed: 0) == checksum else { return nil }
            return (try self.decode(body), place + 12 + body.count)
        } catch {
            return nil
        }
    }

    private static func decode(_ body: [UInt8]) throws(QuorumError) -> HintRecord {
        var reader = EnvelopeReader(body, from: 0, to: body.count)
        let kind: UInt8 = try reader.number()
        let number: UInt64 = try reader.number()
        if kind == 2 { return .removed(number) }
        let written: UInt64 = try reader.number()
        let server = try reader.node()
        let hasStandIn: UInt8 = try reader.number()
        let standIn = hasStandIn == 1 ? try reader.node() : nil
        let length: UInt8 = try reader.number()
        let text = try reader.bytes(Int(length))
        do {
            let hint = Hint(
                server: server, key: try CacheKey(utf8: text), bytes: reader.rest(),
                written: WallTime(millisecondsSince1970: Int64(bitPattern: written)), standIn: standIn)
            return .kept(KeptHint(number: number, hint: hint))
        } catch {
            throw QuorumError(.undecodable, "a hint has no key")
        }
    }
}
