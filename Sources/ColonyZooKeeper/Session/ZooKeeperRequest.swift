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
    /// Ends one node and makes an ephemeral one of this session, both or neither.
    case move(from: String, to: String, data: [UInt8])

    package static func delete(path: String) -> Self { .delete(path: path, version: -1) }
    package static func data(path: String) -> Self { .data(path: path, watch: nil) }
    package static func children(path: String) -> Self { .children(path: path, watch: nil) }
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
        case .move(let source, let target, let data):
            return Self.move(source, target, data, on: handle, context, isProtected: isProtected, ticket: ticket)
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

    private static func move(
        _ source: String, _ target: String, _ data: [UInt8], on handle: OpaquePointer, _ context: UnsafeRawPointer?,
        isProtected: Bool, ticket: UInt
    ) -> Int32 {
        // The library writes the outcome of each part, and the name of the new node, when the answer comes.
        let memory = MoveMemory(pathBytes: target.utf8.count + 1)
        CallbackTable.keep(memory, for: ticket)
        return source.withCString { source in
            target.withCString { target in
                data.withUnsafeBytes { bytes in
                    withUnsafeTemporaryAllocation(of: zoo_op_t.self, capacity: 2) { parts in
                        guard let first = parts.baseAddress else { return ZSYSTEMERROR.rawValue }
                        zoo_delete_op_init(first, source, -1)
                        zoo_create_op_init(
                            first + 1, target, bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                            Int32(bytes.count), colony_acl(isProtected ? 1 : 0), ZOO_EPHEMERAL, memory.path,
                            Int32(memory.pathBytes))
                        return zoo_amulti(
                            handle, 2, first, memory.results,
                            { code, ticket in CallbackTable.answered(ticket, ZooKeeperReply(code)) }, context)
                    }
                }
            }
        }
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

/// What the library writes to when a transaction is answered. The table of callbacks keeps it until then.
///
/// - Note: `@unchecked Sendable` because nobody but the library touches the memory, and only before the answer.
private final class MoveMemory: @unchecked Sendable {
    let results = UnsafeMutablePointer<zoo_op_result_t>.allocate(capacity: 2)
    let path: UnsafeMutablePointer<CChar>
    let pathBytes: Int

    init(pathBytes: Int) {
        self.pathBytes = pathBytes
        self.path = UnsafeMutablePointer<CChar>.allocate(capacity: pathBytes)
        self.path.initialize(repeating: 0, count: pathBytes)
        self.results.initialize(repeating: zoo_op_result_t(), count: 2)
    }

    deinit {
        self.results.deallocate()
        self.path.deallocate()
    }
}
#endif
