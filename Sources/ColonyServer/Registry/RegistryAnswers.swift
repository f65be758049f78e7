import ColonyCoordination
import ColonyCore
import Foundation
import NIOCore

/// Records as JSON.
enum RegistryAnswers {
    /// Writes a record.
    ///
    /// - Parameters:
    ///   - group: Left out in a list of one group.
    ///   - hasValue: Whether the value is told; whoever has just written it knows it.
    ///   - remaining: How much longer it stays, if that is known.
    static func write(
        _ record: RegistryRecord, in group: LeaseName? = nil, hasValue: Bool = true, remaining: Duration? = nil,
        to body: inout ByteBuffer
    ) {
        body.writeJSON("{")
        if let group {
            body.writeJSON(#""group":"#)
            body.writeJSON(string: group.rawValue)
            body.writeJSON(",")
        }
        body.writeJSON(#""key":"#)
        body.writeJSON(string: record.key.rawValue)
        body.writeJSON(#","version":"#)
        body.writeJSON(record.version.rawValue)
        if let owner = record.owner {
            body.writeJSON(#","owner":"#)
            body.writeJSON(string: owner.rawValue)
        }
        if let remaining {
            body.writeJSON(#","remaining_ms":"#)
            body.writeJSON(max(0, remaining.clampedMilliseconds))
        }
        if hasValue { Self.write(record.value, to: &body) }
        body.writeJSON("}")
    }

    /// Text as text, and bytes that are no UTF-8 in base 64.
    private static func write(_ value: [UInt8], to body: inout ByteBuffer) {
        if let text = String(validating: value, as: UTF8.self) {
            body.writeJSON(#","value":"#)
            body.writeJSON(string: text)
        } else {
            body.writeJSON(#","value_base64":""#)
            body.writeString(Data(value).base64EncodedString())
            body.writeJSON("\"")
        }
    }
}
