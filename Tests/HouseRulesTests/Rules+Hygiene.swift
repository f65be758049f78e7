extension Rule {
    /// The rules about what code may do.
    static let hygiene: [Rule] = [injectedTime, injectedChance, noTraps, noPrinting, noSleepingTests, uncheckedProof]

    /// The files that read the clocks of the system, so that nobody else has to.
    private static let clockFiles: Set<String> = [
        "Sources/ColonyCore/Time/SystemTime.swift"
    ]

    private static let injectedTime = Rule(
        "Time is handed in as a MonotonicClock or a WallClock, so that every decision runs on a manual clock",
        forbids: { line in
            firstWord(
                of: [
                    "Date()", "Date.now", "ContinuousClock", "SuspendingClock", "DispatchTime.now",
                    "DispatchWallTime.now", "NIODeadline.now", "clock_gettime(", "gettimeofday(", "mach_absolute_time(",
                    "Task.sleep(",
                    "CFAbsoluteTimeGetCurrent(", "ProcessInfo.processInfo.systemUptime",
                ], in: line)
        },
        where: { $0.isShown && !clockFiles.contains($0.path) },
        broken: [
            Example("Sources/ColonyCore/A.swift", "let now = Date()"),
            Example("Sources/ColonyServer/A.swift", "let clock = ContinuousClock()"),
            Example("Sources/colony/A.swift", "try await Task.sleep(for: .seconds(1))"),
            Example("Examples/OrderService/A.swift", "try await Task.sleep(for: .seconds(1))"),
        ],
        kept: [
            Example("Sources/ColonyCore/Time/SystemTime.swift", "clock_gettime(clock, &time)"),
            Example("Sources/ColonyCore/A.swift", "let now = clock.now // not Date()"),
            Example("Sources/ColonyCore/A.swift", "let update = lastUpdate(); myDate()"),
            Example("Sources/ColonyCore/A.swift", "throw Refused(\"Date() is forbidden\")"),
        ]
    )

    /// Where chance makes a name that nobody else has, which no test wants to repeat: the owners that a process makes.
    private static let chanceFiles: Set<String> = [
        "Sources/ColonyCore/Names/OwnerID.swift", "Sources/colony/Locks/LockSession.swift",
    ]

    private static let injectedChance = Rule(
        "Chance is handed in as a generator, so that a seed repeats a run",
        forbids: { line in
            let drawing = [".random(", ".randomElement(", ".shuffled(", ".shuffle("]
            if let call = drawing.first(where: { line.contains($0) }), !line.contains("using:") { return call }
            // As a default argument the generator is handed in all the same.
            if line.contains("SystemRandomNumberGenerator()"), !line.contains("= SystemRandomNumberGenerator()") {
                return "SystemRandomNumberGenerator"
            }
            return firstWord(of: ["UUID()", "arc4random", "drand48(", "rand()"], in: line)
        },
        where: { $0.isShown && !chanceFiles.contains($0.path) },
        broken: [
            Example("Sources/ColonyCore/A.swift", "let wait = Int64.random(in: 0...9)"),
            Example("Sources/ColonyCore/A.swift", "let id = UUID()"),
            Example("Sources/ColonyCore/A.swift", "draw(from: SystemRandomNumberGenerator())"),
            Example("Sources/ColonyCore/A.swift", "return endpoints.randomElement()"),
        ],
        kept: [
            Example("Sources/ColonyCore/A.swift", "let wait = Int64.random(in: 0...9, using: &generator)"),
            Example("Sources/ColonyCore/A.swift", "init(chance: some Chance = SystemRandomNumberGenerator())"),
        ]
    )

    private static let noTraps = Rule(
        "A library stops the program only for a broken invariant, by `precondition` with a message",
        forbids: { firstWord(of: ["try!", "fatalError(", "as!"], in: $0) },
        where: { $0.isShown },
        broken: [
            Example("Sources/ColonyCore/A.swift", "let name = try! LeaseName(text)"),
            Example("Sources/colony/A.swift", "fatalError()"),
            Example("Sources/ColonyCore/A.swift", "let engine = some as! MemoryLeaseEngine"),
        ],
        kept: [Example("Sources/ColonyCore/A.swift", "preconditionFailure(error.description) // no try!")]
    )

    private static let noPrinting = Rule(
        "A library does not print; it answers, throws, or logs to the logger that it was given",
        forbids: { firstWord(of: ["print(", "debugPrint(", "dump(", "NSLog(", "puts(", "fputs("], in: $0) },
        where: { $0.isLibrary },
        broken: [
            Example("Sources/ColonyCore/A.swift", "    print(lease)"),
            Example("Sources/ColonyServer/A.swift", "    debugPrint(lease)"),
        ],
        kept: [
            Example("Sources/colony/A.swift", "print(table)"),
            Example("Sources/ColonyCore/A.swift", "fingerprint(of: key) // print("),
        ]
    )

    private static let noSleepingTests = Rule(
        "A test waits for what it expects, on a manual clock or with a deadline; it does not sleep and hope",
        forbids: { line in
            if let call = firstWord(of: ["Task.sleep(", "Thread.sleep(", "usleep(", "nanosleep("], in: line) {
                return call
            }
            // A member called sleep may be that of a manual clock, and to declare one is not to call it.
            let calls = line.replacing(".sleep(", with: "").replacing("func sleep(", with: "")
            return firstWord(of: ["sleep("], in: calls)
        },
        where: { file in
            // The helpers that look again until a deadline pause between two looks.
            file.isTest && !file.fileName.hasPrefix("Polling")
        },
        broken: [
            Example("Tests/ColonyCoreTests/A.swift", "try await Task.sleep(for: .seconds(1))"),
            Example("Tests/ColonyCoreTests/A.swift", "usleep(1000)"),
            Example("Tests/ColonyCoreTests/A.swift", "Thread.sleep(forTimeInterval: 1)"),
            Example("Tests/ColonyCoreTests/A.swift", "    sleep(1)"),
        ],
        kept: [
            Example("Tests/ColonyCoreTests/A.swift", "await clock.waitForSleepers(1)"),
            Example("Tests/ColonyCoreTests/A.swift", "async let sleeper: Void = clock.sleep(for: .seconds(1))"),
            Example("Tests/ColonyCoreTests/A.swift", "#expect(directive == .sleep(until: end))"),
            Example("Tests/ColonyServerTests/Polling.swift", "try await Task.sleep(for: .milliseconds(5))"),
        ]
    )

    private static let uncheckedProof = Rule(
        statement: "What the compiler cannot check carries its proof in a comment that names it",
        breaches: { file in
            guard file.path.hasPrefix("Sources/") else { return [] }
            return file.code.enumerated().compactMap { number, line in
                let words = ["@unchecked Sendable", "nonisolated(unsafe)"]
                guard let word = words.first(where: { line.contains($0) }) else { return nil }
                // One proof may stand for a class and its subclasses.
                let hasProof = file.lines[..<number].contains { $0.contains("//") && $0.contains("`\(word)`") }
                return hasProof ? nil : (number + 1, "\(word) without a comment above it that says why it holds")
            }
        },
        broken: [
            Example("Sources/ColonyCore/A.swift", "/// A box.\nfinal class Box: @unchecked Sendable {}"),
            Example("Sources/ColonyCore/A.swift", "nonisolated(unsafe) var count = 0"),
        ],
        kept: [
            Example(
                "Sources/ColonyCore/A.swift",
                "/// `@unchecked Sendable` because of the lock.\nfinal class Box: @unchecked Sendable {}")
        ]
    )
}
