#if ZooKeeper
internal import CZooKeeper

/// What is asked of the ensemble, as far as locks and registers need it.
package enum ZooKeeperRequest: Sendable {
    /// How long a node lives, and who numbers it.
    package enum Kind: Sendable {
        case persistent, container, ephemeral, ephemeralSequential
    }

    case create(path: String, data: [UInt8], kind: Kind)
    case delete(path: String, version: Int32)
    case exists(path: String)
    /// The data of a node; with a watch, the next change or the end of the node is told once, if the node exists.
    case data(path: String, watch: UInt?)
    /// The names of the children; with a watch, the next change of the list is told once, if the node exists.
    case children(path: String, watch: UInt?)
    case set(path: String, data: [UInt8], version: Int32)
    /// Lets the server catch up with the leader before it answers what is asked next.
    case sync(path: String)
    /// Several changes, all or none.
    case transaction([Change])

    /// A part of a transaction.
    package enum Change: Sendable {
        case create(path: String, data: [UInt8], kind: Kind)
        /// A version of -1 is any.
        case delete(path: String, version: Int32)
        case set(path: String, data: [UInt8], version: Int32)
    }

    package static func delete(path: String) -> Self { .delete(path: path, version: -1) }
    package static func data(path: String) -> Self { .data(path: path, watch: nil) }
    package static func children(path: String) -> Self { .children(path: path, watch: nil) }
    /// Ends one node and makes an ephemeral one of this session, both or neither.
    package static func move(from source: String, to target: String, data: [UInt8]) -> Self {
        .transaction([
            .delete(path: source, version: -1), .create(path: target, data: data, kind: .ephemeral),
        ])
    }
}

extension ZooKeeperRequest {
    /// Hands the request to the library, which only puts it into its queue.
    ///
    /// - Parameters:
    ///   - ticket: What the library gives back with the answer.
    ///   - isProtected: Whether new nodes belong to the credentials of the session, not to the world.
    /// - Returns: The library's code; unless it is zero, no answer comes.
    func submit(on handle: OpaquePointer, ticket: UInt, isProtected: Bool) -> Int32 {
        let context = UnsafeRawPointer(bitPattern: ticket)
        switch self {
        case .create(let path, let data, let kind):
            return data.withUnsafeBytes { bytes in
                zoo_acreate2(
                    handle, path, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count),
                    colony_acl(isProtected ? 1 : 0), kind.flag,
                    { code, text, stat, ticket in
                        CallbackTable.answered(
                            ticket, ZooKeeperReply(code, stat: stat, text: text.map { String(cString: $0) } ?? ""))
                    }, context)
            }
        case .delete(let path, let version):
            return zoo_adelete(
                handle, path, version, { code, ticket in CallbackTable.answered(ticket, ZooKeeperReply(code)) }, context
            )
        case .exists(let path):
            return zoo_aexists(
                handle, path, 0,
                { code, stat, ticket in CallbackTable.answered(ticket, ZooKeeperReply(code, stat: stat)) }, context)
        case .data(let path, let watch):
            return zoo_awget(
                handle, path, watch == nil ? nil : Self.watcher,
                watch.flatMap { UnsafeMutableRawPointer(bitPattern: $0) },
                { code, value, count, stat, ticket in
                    let bytes = UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : Int(max(0, count)))
                    CallbackTable.answered(ticket, ZooKeeperReply(code, stat: stat, bytes: Array(bytes)))
                }, context)
        case .children(let path, let watch):
            return zoo_awget_children2(
                handle, path, watch == nil ? nil : Self.watcher,
                watch.flatMap { UnsafeMutableRawPointer(bitPattern: $0) },
                { code, names, stat, ticket in
                    CallbackTable.answered(ticket, ZooKeeperReply(code, stat: stat, names: Self.strings(names)))
                }, context)
        case .set(let path, let data, let version):
            return data.withUnsafeBytes { bytes in
                zoo_aset(
                    handle, path, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count), version,
                    { code, stat, ticket in CallbackTable.answered(ticket, ZooKeeperReply(code, stat: stat)) }, context)
            }
        case .sync(let path):
            return zoo_async(
                handle, path, { code, _, ticket in CallbackTable.answered(ticket, ZooKeeperReply(code)) }, context)
        case .transaction(let changes):
            // The library writes the outcome of each part, and the names of new nodes, when the answer comes.
            let memory = TransactionMemory(changes, isProtected: isProtected)
            CallbackTable.keep(memory, for: ticket)
            return zoo_amulti(
                handle, Int32(changes.count), memory.parts, memory.results,
                { code, ticket in CallbackTable.answered(ticket, ZooKeeperReply(code)) }, context)
        }
    }

    private static var watcher: watcher_fn {
        { _, type, _, _, watch in
            // News of the session come to every watch as well; the session has a watcher of its own for them.
            if type != ZOO_SESSION_EVENT { CallbackTable.changed(watch) }
        }
    }

    private static func strings(_ names: UnsafePointer<String_vector>?) -> [String] {
        guard let names, let data = names.pointee.data else { return [] }
        return (0..<Int(names.pointee.count)).compactMap { index in data[index].map { String(cString: $0) } }
    }
}

extension ZooKeeperRequest.Kind {
    fileprivate var flag: Int32 {
        switch self {
        case .persistent: ZOO_PERSISTENT
        case .container: ZOO_CONTAINER
        case .ephemeral: ZOO_EPHEMERAL
        case .ephemeralSequential: ZOO_EPHEMERAL_SEQUENTIAL
        }
    }
}

/// What the library reads a transaction from, and writes its outcome to when it is answered. The table of callbacks keeps it
/// until then.
///
/// - Note: `@unchecked Sendable` because nobody but the library touches the memory between the making and the end.
private final class TransactionMemory: CallbackMemory, @unchecked Sendable {
    let parts: UnsafeMutablePointer<zoo_op_t>
    let results: UnsafeMutablePointer<zoo_op_result_t>
    private let written = UnsafeMutablePointer<Stat>.allocate(capacity: 1)
    private var hasWrite = false
    private var blocks: [UnsafeMutableBufferPointer<CChar>] = []

    init(_ changes: [ZooKeeperRequest.Change], isProtected: Bool) {
        self.parts = .allocate(capacity: changes.count)
        self.parts.initialize(repeating: zoo_op_t(), count: changes.count)
        self.results = .allocate(capacity: changes.count)
        self.written.initialize(to: Stat())
        self.results.initialize(repeating: zoo_op_result_t(), count: changes.count)
        for (index, change) in changes.enumerated() {
            let part = self.parts + index
            switch change {
            case .create(let path, let data, let kind):
                let name = self.block(Array(path.utf8) + [0])
                zoo_create_op_init(
                    part, self.block(Array(path.utf8) + [0]).baseAddress, self.block(data).baseAddress,
                    Int32(data.count), colony_acl(isProtected ? 1 : 0), kind.flag, name.baseAddress, Int32(name.count))
            case .delete(let path, let version):
                zoo_delete_op_init(part, self.block(Array(path.utf8) + [0]).baseAddress, version)
            case .set(let path, let data, let version):
                zoo_set_op_init(
                    part, self.block(Array(path.utf8) + [0]).baseAddress, self.block(data).baseAddress,
                    Int32(data.count), version, self.hasWrite ? nil : self.written)
                self.hasWrite = true
            }
        }
    }

    /// The state of the first node that was written. All parts of a transaction have its number.
    var stat: NodeStat? { self.hasWrite ? NodeStat(self.written.pointee) : nil }

    deinit {
        self.written.deallocate()
        self.parts.deallocate()
        self.results.deallocate()
        for block in self.blocks { block.deallocate() }
    }

    /// A copy at an address of its own.
    private func block(_ bytes: [UInt8]) -> UnsafeMutableBufferPointer<CChar> {
        let block = UnsafeMutableBufferPointer<CChar>.allocate(capacity: max(1, bytes.count))
        block.initialize(repeating: 0)
        for (index, byte) in bytes.enumerated() { block[index] = CChar(bitPattern: byte) }
        self.blocks.append(block)
        return block
    }
}
#endif
