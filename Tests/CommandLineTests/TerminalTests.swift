#if os(Linux)
import Foundation
import Testing

/// What a person at a terminal meets.
@Suite(.serialized) struct TerminalTests {
    private static func atTerminal(_ body: (Scene, PseudoTerminal) async throws -> Void) async throws {
        try await Scene.run { scene in
            let terminal = try PseudoTerminal(environment: scene.environment)
            defer { terminal.close() }
            try await terminal.expect("READY> ")
            try await body(scene, terminal)
        }
    }

    @Test func `an interactive command reads the keyboard, and Ctrl-C ends it and gives the lock back`() async throws {
        try await Self.atTerminal { scene, terminal in
            terminal.type("$COLONY lock run job -- cat; echo code $?\n")
            try await eventually("the command runs") { try await scene.isHeld("job") }
            terminal.type("hello\n")
            try await terminal.expect("hello\r\nhello\r\n")
            terminal.type("\u{3}")
            try await terminal.expect("code 130")
            #expect(try await scene.isHeld("job") == false)
        }
    }

    @Test func `Ctrl-Z stops the command and lock run, and fg continues both`() async throws {
        try await Self.atTerminal { scene, terminal in
            terminal.type("$COLONY lock run job -- cat\n")
            try await eventually("the command runs") { try await scene.isHeld("job") }
            terminal.type("one\n")
            try await terminal.expect("one\r\none\r\n")
            terminal.type("\u{1A}")
            try await terminal.expect("READY> ")
            terminal.type("fg\n")
            try await terminal.expect("lock run job")
            terminal.type("two\n")
            try await terminal.expect("two\r\ntwo\r\n")
            terminal.type("\u{4}")
            try await terminal.expect("READY> ")
        }
    }

    @Test func `a command that was stopped for longer than its lease is ended when it is continued`() async throws {
        try await Self.atTerminal { scene, terminal in
            terminal.type("$COLONY lock run job --ttl 400ms -- cat\n")
            try await eventually("the command runs") { try await scene.isHeld("job") }
            terminal.type("one\n")
            try await terminal.expect("one\r\none\r\n")
            terminal.type("\u{1A}")
            try await terminal.expect("READY> ")
            try await eventually("the lease runs out") { try await scene.isHeld("job") == false }
            terminal.type("fg\n")
            try await terminal.expect("the lease of job was lost")
        }
    }

    @Test func `in a pipeline the command gets the keyboard when it asks for it`() async throws {
        try await Self.atTerminal { scene, terminal in
            terminal.type("$COLONY lock run job -- cat | cat\n")
            try await eventually("the command runs") { try await scene.isHeld("job") }
            terminal.type("hello\n")
            try await terminal.expect("hello\r\nhello\r\n")
            terminal.type("\u{4}")
            try await terminal.expect("READY> ")
        }
    }

    @Test func `who waits longer than two seconds sees who is in the way`() async throws {
        try await Self.atTerminal { scene, terminal in
            let gate = try scene.makeGate()
            _ = try await scene.during(
                colony: "lock", "run", "nightly", "--", "/bin/sh", "-c", "read -r line < $DIR/gate"
            ) { _ in
                try await eventually("the holder runs") { try await scene.isHeld("nightly") }
                terminal.type("$COLONY lock run nightly -- echo mine\n")
                let line = try await terminal.expect("waiting for nightly, held by ")
                #expect(line.contains("\r"))
                try await gate.open()
                try await terminal.expect("mine\r\n")
            }
        }
    }

    @Test func `lock break asks, and breaks only after yes`() async throws {
        try await Self.atTerminal { scene, terminal in
            let gate = try scene.makeGate()
            let (_, holder) = try await scene.during(
                colony: "lock", "run", "job", "--ttl", "600ms", "--", "/bin/sh", "-c", "read -r line < $DIR/gate"
            ) { _ in
                try await eventually("the holder runs") { try await scene.isHeld("job") }
                terminal.type("$COLONY lock break job; echo code $?\n")
                try await terminal.expect("[y/N]")
                terminal.type("n\n")
                try await terminal.expect("nothing was broken")
                try await terminal.expect("code 1")
                #expect(try await scene.isHeld("job"))
                terminal.type("$COLONY lock break job\n")
                try await terminal.expect("[y/N]")
                terminal.type("y\n")
                try await terminal.expect("Broke job, held by")
            }
            #expect(holder.code == 1)
            _ = gate
        }
    }
}
#endif
