import Synchronization

/// How a ``ClusterNode`` stands in its cluster.
public enum ClusterStanding: String, Hashable, Sendable, CaseIterable {
    /// It does not run, or has left.
    case out
    /// It asks its seeds, and none has answered yet.
    case joining
    /// It is a member.
    case member
    /// Another process has its name, and it asks again until that one is gone.
    case displaced
}

extension ClusterNode {
    /// How it stands in its cluster.
    public var standing: ClusterStanding {
        self.state.withLock { state in
            if state.isAdmitted { return .member }
            if state.displacedBy != nil { return .displaced }
            return state.phase.isRunning ? .joining : .out
        }
    }
}
