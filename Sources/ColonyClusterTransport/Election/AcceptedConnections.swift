import ColonyCluster
package import ColonyCore

/// The connections that others have made to a node of an election, and which of them it keeps. Used on its event loop only.
///
/// Others keep theirs open for as long as they run. One whose other end is gone without a word is never told from a quiet one, so what limits them are their owners: each
/// has a few, of which the oldest goes. Who has not shown that it has the key keeps nobody else out: strangers have places of their own, and the oldest of them
/// makes room.
package struct AcceptedConnections<Channel: AnyObject> {
    private struct Entry {
        let channel: Channel
        var owner: NodeID?
    }

    /// Whose connections nobody knows yet.
    package static var mostStrangers: Int { 64 }
    /// Two at most are in use where two processes have one name, and two more may be those of former lives.
    package static var mostOfOne: Int { 4 }
    /// As many as a set of voters with all its members can have.
    package static var mostKnown: Int { mostOfOne * VoterSet.maximumCount }

    /// The oldest first. They are few.
    private var entries: [Entry] = []

    package init() {}

    /// All that are open.
    package var channels: [Channel] { self.entries.map(\.channel) }

    /// Takes one of somebody who is not known yet.
    ///
    /// - Returns: One that is to be closed for it.
    package mutating func add(_ channel: Channel) -> Channel? {
        self.entries.append(Entry(channel: channel, owner: nil))
        return self.surplus(of: nil, most: Self.mostStrangers)
    }

    /// A packet of a member has come.
    ///
    /// - Returns: A connection that is to be closed for it.
    package mutating func note(_ owner: NodeID, on channel: Channel) -> Channel? {
        guard let place = self.entries.firstIndex(where: { $0.channel === channel }),
            self.entries[place].owner != owner
        else { return nil }
        self.entries[place].owner = owner
        if let surplus = self.surplus(of: owner, most: Self.mostOfOne) { return surplus }
        // More names than there can be members are somebody's mistake, or worse.
        let known = self.entries.lazy.filter { $0.owner != nil }
        return known.count > Self.mostKnown ? known.first?.channel : nil
    }

    private func surplus(of owner: NodeID?, most: Int) -> Channel? {
        guard self.entries.count(where: { $0.owner == owner }) > most else { return nil }
        return self.entries.first { $0.owner == owner }?.channel
    }

    /// It has ended.
    package mutating func remove(_ channel: Channel) { self.entries.removeAll { $0.channel === channel } }
}
