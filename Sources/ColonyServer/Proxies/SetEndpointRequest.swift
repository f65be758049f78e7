import ColonyBalancing
import ColonyCore
import NIOCore

/// The body that changes what operators say of an endpoint, read strictly.
struct SetEndpointRequest {
    /// What operators can say, as the API calls it.
    enum State: String, CaseIterable {
        case enabled, drain, maintenance

        var administrative: AdministrativeState {
            switch self {
            case .enabled: .active
            case .drain: .draining
            case .maintenance: .maintenance
            }
        }

        init(_ state: AdministrativeState) {
            switch state {
            case .active: self = .enabled
            case .draining: self = .drain
            case .maintenance: self = .maintenance
            }
        }
    }

    /// `nil` leaves it as it is.
    var state: State?
    /// `nil` leaves it as it is; 0 gives back the one of the file or the source.
    var weight: Int?

    private static let members: [StaticString] = ["state", "weight"]

    init(_ body: ByteBuffer) throws(Problem) {
        var state: State?
        var weight: UInt64?
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: state = try reader.readState()
            default: weight = try reader.readUnsigned()
            }
        }
        guard state != nil || weight != nil else {
            throw Problem(.invalidRequest, "there is neither a state nor a weight to set")
        }
        if let weight, weight > UInt64(Endpoint.weights.upperBound) {
            throw Problem(
                .invalidRequest,
                "weight is refused: \(weight) is not from 1 to \(Endpoint.weights.upperBound), or 0 for its own")
        }
        self.state = state
        self.weight = weight.map { Int($0) }
    }
}

extension JSONReader {
    fileprivate mutating func readState() throws(JSONDefect) -> SetEndpointRequest.State {
        let text = try self.readString()
        guard let state = SetEndpointRequest.State(rawValue: text) else {
            let known = SetEndpointRequest.State.allCases.map(\.rawValue).joined(separator: ", ")
            throw .outOfRange(path: self.currentPath, reason: "\(NameRules.quoted(text)) is not one of \(known)")
        }
        return state
    }
}
