import ColonyCluster
import ColonyCore

/// What can be wrong with a member or its shell, to see that it is found.
enum MembershipFlaw: CaseIterable {
    /// It raises the incarnation of others, as only they may.
    case speaksForOthers
    /// It is started again with the number of its former start.
    case isStartedAsBefore
    /// What it says of itself changes without a later incarnation, and on its way.
    case changesWhatIsSaid
    /// Some events get lost between it and whoever listens.
    case losesEvents
    /// It tells of those who have failed that they have left.
    case forgesFarewells
    /// It takes back that somebody has left.
    case undoesFarewells
    /// What it keeps contradicts itself.
    case miscounts
    /// It does not look how long a datagram gets.
    case fillsDatagrams
    /// It never exchanges with others what differs.
    case keepsToItself
    /// It does not contradict while it is only suspected.
    case isSilent
    /// Something answers at the address of a process that has ended.
    case answersForTheDead

    /// What finds it.
    var kind: MembershipViolation.Kind {
        switch self {
        case .speaksForOthers: .slander
        case .isStartedAsBefore: .wentBack
        case .changesWhatIsSaid: .saidOtherwise
        case .losesEvents: .eventsDisagree
        case .forgesFarewells: .leftWithoutWord
        case .undoesFarewells: .cameBack
        case .miscounts: .miscounted
        case .fillsDatagrams: .oversized
        case .keepsToItself: .divided
        case .isSilent: .failedWithoutCause
        case .answersForTheDead: .unnoticed
        }
    }
}

extension MembershipFlaw {
    /// Spoils a packet before it is sent, or when it has come.
    func spoil(_ packet: inout MembershipPacket, receiver: NodeID) {
        switch self {
        case .speaksForOthers:
            for index in packet.claims.indices where packet.claims[index].id != packet.sender {
                packet.claims[index].incarnation += 1
            }
        case .changesWhatIsSaid:
            for index in packet.claims.indices { packet.claims[index].metadata?.append(7) }
        case .forgesFarewells:
            for index in packet.claims.indices where packet.claims[index].state == .failed {
                packet.claims[index].state = .left
            }
        case .undoesFarewells:
            for index in packet.claims.indices
            where packet.claims[index].state == .left && packet.claims[index].id != packet.sender {
                packet.claims[index].state = .alive
                packet.claims[index].incarnation += 1
            }
        case .fillsDatagrams:
            if let claim = packet.claims.first {
                packet.claims += Array(repeating: claim, count: 40)
            }
        case .isSilent:
            packet.claims.removeAll { $0.id == receiver && $0.state == .suspected }
        case .isStartedAsBefore, .losesEvents, .miscounts, .keepsToItself, .answersForTheDead: break
        }
    }

    /// Whether a packet does not get there.
    func holdsBack(_ packet: MembershipPacket) -> Bool {
        guard self == .keepsToItself else { return false }
        switch packet.message {
        case .pull, .push, .fill: return true
        case .ping, .ack, .nack, .pingRequest, .gossip: return false
        }
    }
}
