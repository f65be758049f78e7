#if Postgres
import ColonyCore
import ColonyQueues
import ColonyTransactions
import Foundation

/// A row of an outbox as the relay reads it.
enum OutboxRow {
    /// - Returns: `nil` if it is none.
    static func message(_ row: [String?]) -> OutboxMessage? {
        guard row.count >= 11, let number = row[0].flatMap({ Int64($0) }), let identity = row[1],
            let queue = row[2].flatMap({ try? QueueName($0) }), let priority = row[4].flatMap({ Int($0) }),
            let headers = row[8].flatMap(Self.headers), let added = row[9].flatMap({ Int64($0) }),
            let body = row[10].flatMap(Self.bytes)
        else { return nil }
        var availability = OutgoingMessage.Availability.now
        if let delay = row[5].flatMap({ Int64($0) }) { availability = .after(.milliseconds(delay)) }
        if let time = row[6].flatMap({ Int64($0) }) { availability = .at(WallTime(millisecondsSince1970: time)) }
        return OutboxMessage(
            number: number, identity: identity, queue: queue,
            content: OutgoingMessage(
                body, key: row[3], priority: priority, availability: availability, deduplicationID: row[7],
                headers: headers),
            addedAt: WallTime(millisecondsSince1970: added))
    }

    private static func headers(_ text: String) -> [String: String]? {
        if text == "{}" { return [:] }
        return try? JSONDecoder().decode([String: String].self, from: Data(text.utf8))
    }

    /// The bytes of an even number of hexadecimal digits.
    private static func bytes(_ text: String) -> [UInt8]? {
        func value(_ digit: UInt8) -> UInt8? {
            switch digit {
            case 0x30...0x39: digit - 0x30
            case 0x61...0x66: digit - 0x57
            default: nil
            }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 2)
        var high: UInt8?
        for digit in text.utf8 {
            guard let half = value(digit) else { return nil }
            if let first = high {
                bytes.append(first << 4 | half)
                high = nil
            } else {
                high = half
            }
        }
        return high == nil ? bytes : nil
    }
}
#endif
