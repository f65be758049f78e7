/// One key of a section of the configuration file: its name, and what its value does to what the section describes.
struct SectionKey<Target>: Sendable {
    let name: String
    let apply: @Sendable (_ value: SectionValue, _ target: inout Target) throws(DaemonError) -> Void

    init(
        _ name: String,
        _ apply: @escaping @Sendable (_ value: SectionValue, _ target: inout Target) throws(DaemonError) -> Void
    ) {
        self.name = name
        self.apply = apply
    }
}

extension SectionValue {
    /// Reads a mapping whose keys are all known.
    ///
    /// - Parameters:
    ///   - target: What it is before any key has been read.
    ///   - check: Refuses what does not work. If one key alone is to blame, the error points at its value.
    func read<Target>(
        _ keys: [SectionKey<Target>], into target: Target, check: (Target) throws -> Void = { _ in }
    ) throws(DaemonError) -> Target {
        var result = target
        let members = try self.members()
        for member in members {
            guard let key = keys.first(where: { $0.name == member.key }) else {
                let nearest = EditDistance.nearest(to: member.key, among: keys.map(\.name))
                let hint = nearest.map { "; did you mean \($0)?" } ?? ""
                throw member.name.refused("\(self.path) has no key \"\(member.key)\"\(hint)")
            }
            if member.value.isNull { continue }
            try key.apply(member.value, &result)
        }
        do {
            try check(result)
        } catch {
            throw self.blame(error, members.map(\.value), keys, target, check)
        }
        return result
    }

    /// Reads a mapping, and makes of it what it describes.
    ///
    /// - Parameter make: Refuses what does not work.
    func make<Target, Made>(
        _ keys: [SectionKey<Target>], from target: Target, _ make: (Target) throws -> Made
    ) throws(DaemonError) -> Made {
        let document = try self.read(keys, into: target) { _ = try make($0) }
        do {
            return try make(document)
        } catch {
            throw self.refused(error)
        }
    }

    private func blame<Target>(
        _ error: any Error, _ values: [SectionValue], _ keys: [SectionKey<Target>], _ target: Target,
        _ check: (Target) throws -> Void
    ) -> DaemonError {
        guard (try? check(target)) != nil else { return self.refused(error) }
        for (value, key) in values.compactMap({ value in
            keys.first { value.path == "\(self.path).\($0.name)" }.map { (value, $0) }
        }) where !value.isNull {
            var alone = target
            do {
                try key.apply(value, &alone)
                try check(alone)
            } catch {
                return value.refused(error)
            }
        }
        return self.refused(error)
    }
}

// MARK: Kinds of values

extension SectionKey {
    typealias Path<Value> = WritableKeyPath<Target, Value> & Sendable

    static func text(_ name: String, _ path: any Path<String>) -> Self {
        Self(name) { value, target throws(DaemonError) in target[keyPath: path] = try value.text() }
    }

    static func text(_ name: String, _ path: any Path<String?>) -> Self {
        Self(name) { value, target throws(DaemonError) in target[keyPath: path] = try value.text() }
    }

    static func texts(_ name: String, _ path: any Path<[String]>) -> Self {
        Self(name) { value, target throws(DaemonError) in target[keyPath: path] = try value.texts() }
    }

    static func integer(_ name: String, _ path: any Path<Int>) -> Self {
        Self(name) { value, target throws(DaemonError) in target[keyPath: path] = try value.integer() }
    }

    static func integer(_ name: String, _ path: any Path<Int?>) -> Self {
        Self(name) { value, target throws(DaemonError) in target[keyPath: path] = try value.integer() }
    }

    static func number(_ name: String, _ path: any Path<Double>) -> Self {
        Self(name) { value, target throws(DaemonError) in target[keyPath: path] = try value.number() }
    }

    static func number(_ name: String, _ path: any Path<Double?>) -> Self {
        Self(name) { value, target throws(DaemonError) in target[keyPath: path] = try value.number() }
    }

    static func duration(_ name: String, _ path: any Path<Duration>) -> Self {
        Self(name) { value, target throws(DaemonError) in target[keyPath: path] = try value.duration() }
    }

    static func duration(_ name: String, _ path: any Path<Duration?>) -> Self {
        Self(name) { value, target throws(DaemonError) in target[keyPath: path] = try value.duration() }
    }

    static func flag(_ name: String, _ path: any Path<Bool>) -> Self {
        Self(name) { value, target throws(DaemonError) in target[keyPath: path] = try value.flag() }
    }

    static func choice<Value: Sendable>(
        _ name: String, _ path: any Path<Value>, _ choices: [(name: String, value: Value)]
    ) -> Self {
        Self(name) { value, target throws(DaemonError) in target[keyPath: path] = try value.choice(choices) }
    }

    /// A value that is read by a function of its own.
    static func other<Value>(
        _ name: String, _ path: any Path<Value>,
        _ read: @escaping @Sendable (SectionValue) throws(DaemonError) -> Value
    ) -> Self {
        Self(name) { value, target throws(DaemonError) in target[keyPath: path] = try read(value) }
    }
}
