#if ZooKeeper
internal import CZooKeeper

/// What came of a request.
package struct ZooKeeperReply: Sendable {
    package enum Outcome: Equatable, Sendable {
        case done
        case noNode, nodeExists, notEmpty, badVersion
        /// The ensemble does not let these credentials do it.
        case denied
        /// The server knows no such request, because it is older.
        case unimplemented
        /// The connection broke, or the server had no majority. *Unknown* whether it was done.
        case connectionLost
        /// No answer came in time. *Unknown* whether it was done.
        case timedOut
        /// The session is over, and all its ephemeral nodes with it.
        case sessionOver
        /// The calling task was cancelled. *Unknown* whether it was done.
        case cancelled
        case refused(Int32)
    }

    package let outcome: Outcome
    package var stat = NodeStat()
    package var text = ""
    package var bytes: [UInt8] = []
    package var names: [String] = []

    init(_ outcome: Outcome) {
        self.outcome = outcome
    }

    init(
        _ code: Int32, stat: UnsafePointer<Stat>? = nil, text: String = "", bytes: [UInt8] = [], names: [String] = []
    ) {
        self.outcome = Outcome(code: code)
        if let stat { self.stat = NodeStat(stat.pointee) }
        self.text = text
        self.bytes = bytes
        self.names = names
    }

    package var isDone: Bool { self.outcome == .done }
}

extension ZooKeeperReply.Outcome {
    init(code: Int32) {
        switch code {
        case ZOK.rawValue: self = .done
        case ZNONODE.rawValue: self = .noNode
        case ZNODEEXISTS.rawValue: self = .nodeExists
        case ZNOTEMPTY.rawValue: self = .notEmpty
        case ZBADVERSION.rawValue: self = .badVersion
        case ZNOAUTH.rawValue, ZAUTHFAILED.rawValue, ZINVALIDACL.rawValue,
            ZSESSIONCLOSEDREQUIRESASLAUTH.rawValue:
            self = .denied
        case ZUNIMPLEMENTED.rawValue: self = .unimplemented
        case ZCONNECTIONLOSS.rawValue, ZOPERATIONTIMEOUT.rawValue, ZSESSIONMOVED.rawValue, ZNOTREADONLY.rawValue,
            ZTHROTTLEDOP.rawValue:
            self = .connectionLost
        case ZSESSIONEXPIRED.rawValue, ZINVALIDSTATE.rawValue, ZCLOSING.rawValue: self = .sessionOver
        default: self = .refused(code)
        }
    }

    /// The outcome as a part of a sentence.
    var phrase: String {
        switch self {
        case .done: "it was done"
        case .noNode: "the node does not exist"
        case .nodeExists: "the node exists already"
        case .notEmpty: "the node has children"
        case .badVersion: "the node was changed by others"
        case .denied: "the access rights do not allow it"
        case .unimplemented: "the server is too old for it"
        case .connectionLost: "the connection was lost"
        case .timedOut: "no answer came in time"
        case .sessionOver: "the session ended"
        case .cancelled: "the task was cancelled"
        case .refused(let code): String(cString: zerror(code))
        }
    }
}

/// What the ensemble keeps about a node.
package struct NodeStat: Sendable {
    /// The number of the transaction that made the node; it rises with every change in the whole ensemble.
    package var creation: Int64 = 0
    /// When the node was made, in milliseconds since 1970 by the clock of the leader.
    var createdAt: Int64 = 0
    /// When the data was last written, by the same clock.
    var modifiedAt: Int64 = 0
    /// The number of the transaction that last wrote the data.
    var modification: Int64 = 0
    /// The number of the transaction that last made or deleted a child.
    var childModification: Int64 = 0
    /// How often the data was written since.
    var version: Int32 = 0
    /// The session with which the node ends; zero for a node that stays.
    var session: Int64 = 0
    /// How many children the node has.
    var children: Int32 = 0

    init() {}

    init(_ stat: Stat) {
        self.creation = stat.czxid
        self.createdAt = stat.ctime
        self.modifiedAt = stat.mtime
        self.modification = stat.mzxid
        self.childModification = stat.pzxid
        self.version = stat.version
        self.session = stat.ephemeralOwner
        self.children = stat.numChildren
    }
}
#endif
