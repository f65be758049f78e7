import ColonyCoordination
import ColonyCore
import ColonyResilience
import NIOCore

/// The body that moves a switch, read strictly.
struct SetSwitchRequest {
    var setting: SwitchSetting

    private static let members: [StaticString] = ["position", "reason"]

    init(_ body: ByteBuffer) throws(Problem) {
        var position: SwitchPosition?
        var reason: String?
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: position = try reader.readPosition()
            default: reason = try reader.readString()
            }
        }
        guard let position else { throw .missing("position") }
        // Nothing is kept of a switch that is automatic, and so no reason.
        let isKept = position != .automatic && reason?.isEmpty == false
        if let reason, reason.utf8.count > SwitchSetting.maximumReasonBytes {
            throw Problem(
                .invalidRequest,
                "reason is refused: it has \(reason.utf8.count) bytes, and \(SwitchSetting.maximumReasonBytes) are the most"
            )
        }
        self.setting = SwitchSetting(position, reason: isKept ? reason : nil)
    }
}

extension JSONReader {
    fileprivate mutating func readPosition() throws(JSONDefect) -> SwitchPosition {
        let text = try self.readString()
        guard let position = SwitchPosition(rawValue: text) else {
            let known = SwitchPosition.allCases.map(\.rawValue).joined(separator: ", ")
            throw .outOfRange(path: self.currentPath, reason: "\(NameRules.quoted(text)) is not one of \(known)")
        }
        return position
    }
}

extension Problem {
    init(_ error: CoordinationError) {
        switch error.code {
        case .invalidRequest: self.init(.invalidRequest, error.message)
        case .storageFailed: self.init(.storeFailed, error.message)
        case .guaranteeNotMet: self.init(.notOffered, error.message)
        case .cancelled: self.init(.storeUnavailable, "the request was cancelled before the store answered")
        default: self.init(.storeUnavailable, error.message)
        }
    }
}
