using System.Diagnostics;
using System.Globalization;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Server;
using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>Messages that no preload library would send: the server lives, other clients notice nothing.</summary>
/// <remarks>They look at the memory of the process, so no other test may run meanwhile. XESVM_MESSAGES says how many, 20000 unless given.</remarks>
[Collection(Driver.DriverConcurrencyCollection.Name)]
public sealed unsafe class HostileClientTests(ITestOutputHelper output)
{
    private const int LongestMessage = 256;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private static readonly ulong[] s_interesting = [0, 1, 2, 4095, 4096, 0x50000, 1UL << 32, 1UL << 47, ulong.MaxValue - 4095, ulong.MaxValue];

    [Fact]
    public void Hostile_messages_harm_nobody()
    {
        int messages = int.Parse(Environment.GetEnvironmentVariable("XESVM_MESSAGES") ?? "20000", CultureInfo.InvariantCulture);
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}, {messages} messages");
        var random = new Random(seed);
        using var machine = new ServerMachine();
        using ServerConnection good = ServerConnection.OpenFile(machine.Socket);
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int sent = 0; sent < messages;)
        {
            sent += random.Next(3) == 0 ? SendGarbage(machine.Socket, random) : SendCalls(machine.Socket, good, random);
            var version = default(drm_version);
            Assert.Equal(0, channel.Ioctl(good, Drm.DRM_IOCTL_VERSION, ref version));
        }

        machine.AwaitRest(files: 1, processes: 1, channels: 1);
        long grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.True(grown < 64 << 20, $"{grown} bytes are left.");
    }

    [Fact]
    public void A_file_whose_client_has_sent_its_own_end_to_the_server_is_closed_with_the_client()
    {
        using var machine = new ServerMachine();
        using ServerConnection other = ServerConnection.OpenFile(machine.Socket);
        byte* message = stackalloc byte[LongestMessage];
        using (ServerConnection file = ServerConnection.OpenFile(machine.Socket))
        {
            Assert.True(SystemCalls.Send(file.Handle, message, 1, file.Handle) > 0);
            Assert.True(SystemCalls.Send(file.Handle, message, LongestMessage, other.Handle) > 0);
        }

        machine.AwaitRest(files: 1, processes: 0, channels: 0);
        Assert.True(SystemCalls.Send(other.Handle, message, 1, descriptor: null) > 0);
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        var version = default(drm_version);
        Assert.Equal(0, channel.Ioctl(other, Drm.DRM_IOCTL_VERSION, ref version));
    }

    [Fact]
    public void A_client_that_takes_no_answer_is_dropped_and_does_not_hold_the_server_up()
    {
        using var machine = new ServerMachine();
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        var request = new RequestMessage { Magic = ServerProtocol.RequestMagic, Call = ServerCall.Settle };
        int sent;
        long begin = Stopwatch.GetTimestamp();
        do
        {
            request.Sequence++;
            sent = SystemCalls.Send(channel.Handle, &request, sizeof(RequestMessage), descriptor: null, wait: false);
        }
        while ((sent > 0 || sent == -Errno.EAGAIN) && Stopwatch.GetElapsedTime(begin) < s_patience);
        Assert.True(sent is -Errno.EPIPE or -Errno.ECONNRESET, $"{sent}");
        machine.AwaitRest(files: 0, processes: 0, channels: 0);
    }

    /// <summary>Anything as a first message, and things after it.</summary>
    private static int SendGarbage(string socket, Random random)
    {
        using FileDescriptorHandle connection = ServerConnection.Connect(socket);
        byte[] message = new byte[LongestMessage];
        int count = random.Next(1, 6);
        for (int i = 0; i < count; i++)
        {
            random.NextBytes(message);
            fixed (byte* bytes = message)
            {
                if (random.Next(2) == 0)
                {
                    *(HelloMessage*)bytes = new HelloMessage
                    {
                        Magic = ServerProtocol.HelloMagic,
                        Version = ServerProtocol.Version + (uint)(random.Next(4) == 0 ? 1 : 0),
                        Kind = (ConnectionKind)random.Next(4),
                        Minor = (uint)random.Next(300),
                        AddressSpace = (ulong)random.Next(3),
                    };
                }

                int length = random.Next(2) == 0 ? sizeof(HelloMessage) : random.Next(LongestMessage + 1);
                if (SystemCalls.Send(connection, bytes, length, random.Next(4) == 0 ? connection : null) < 0)
                {
                    break;
                }
            }
        }

        return count;
    }

    /// <summary>Calls of a client that knows the protocol, with any contents: also with the file of another, without its secret.</summary>
    private static int SendCalls(string socket, ServerConnection other, Random random)
    {
        using ServerConnection file = ServerConnection.OpenFile(socket);
        using ServerConnection channel = ServerConnection.OpenChannel(socket);
        int count = random.Next(1, 40);
        for (int i = 0; i < count; i++)
        {
            bool own = random.Next(4) != 0;
            var request = new RequestMessage
            {
                Call = (ServerCall)random.Next(7),
                File = own ? file.Card.File : other.Card.File,
                Secret = own ? file.Card.Secret : (ulong)random.NextInt64(),
                A = Any(random),
                B = Any(random),
                C = Any(random),
            };
            if (request.Call == ServerCall.Ioctl)
            {
                // An argument at an address where this process has nothing: what ioctls make of arguments is for other tests.
                request.A = (uint)random.NextInt64() & ~0xff00u | ((uint)Drm.DRM_IOCTL_BASE << 8);
                request.B &= 0xfff;
            }
            else if (request.Call == ServerCall.Invalidate && random.Next(2) == 0)
            {
                request.A &= ~4095UL;
                request.B &= ~4095UL;
                request.C = (ulong)random.Next(1, 3);
            }

            random.NextBytes(new Span<byte>(request.Name, random.Next(ServerProtocol.NameBytes)));
            int? result = channel.Call(request, out FileDescriptorHandle? descriptor);
            descriptor?.Dispose();
            Assert.NotNull(result);
            if (random.Next(50) == 0)
            {
                // Cut short: the server ends the channel.
                Assert.True(SystemCalls.Send(channel.Handle, &request, random.Next(1, sizeof(RequestMessage)), null) > 0);
                return i;
            }
        }

        return count;
    }

    private static ulong Any(Random random) => random.Next(2) == 0 ? s_interesting[random.Next(s_interesting.Length)] : (ulong)random.NextInt64(long.MinValue, long.MaxValue);
}
