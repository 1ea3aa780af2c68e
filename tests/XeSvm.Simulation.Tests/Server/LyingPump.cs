using System.Runtime.InteropServices;

using XeSvm.Interop.Native;
using XeSvm.Simulation.Server;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>A client whose CPU-fault pump answers anything: results, values, events and lengths that no pump would send.</summary>
internal sealed unsafe class LyingPump(string socket, Random random, ulong space, PumpBlock block) : PumpClient(socket, space, block)
{
    private readonly Random[] _random = [new(random.Next()), new(random.Next())];

    /// <summary>Has the GPU fault at memory that the pump has to give.</summary>
    public void Run()
    {
        Connect();
        for (int i = 0; i < 8; i++)
        {
            // From the first lie on that is found out, the server has nothing to do with this client any more.
            if (!Fault() || !Settle())
            {
                break;
            }
        }
    }

    protected override int Answer(PumpLaneKind lane, in PumpRequestMessage request, ref PumpAnswerMessage answer, Span<byte> data)
    {
        Random random = _random[(int)lane];
        int head = sizeof(PumpAnswerMessage);
        random.NextBytes(data);
        answer.Result = random.Next(3) switch { 0 => 0, 1 => -random.Next(1, 134), _ => random.Next(60) };
        for (int i = 0; i < 10; i++)
        {
            answer.Values[i] = random.Next(3) switch { 0 => request.A, 1 => ulong.MaxValue, _ => (ulong)random.NextInt64() };
        }

        int length = 0;
        if (request.Call == PumpCall.TakeEvents && random.Next(2) == 0)
        {
            answer.Result = random.Next(4);
            length = answer.Result * sizeof(xesvm_pump_event);
            Lie(MemoryMarshal.Cast<byte, xesvm_pump_event>(data[..length]), random);
        }
        else if (request.Call == PumpCall.Read)
        {
            length = (int)request.D;
        }

        // Most calls succeed often, so that the lies come at every stage.
        if (request.Call != PumpCall.TakeEvents && random.Next(2) == 0)
        {
            answer.Result = 0;
        }

        switch (random.Next(40))
        {
            case 0:
                length = random.Next(PumpProtocol.DataBytes + 1);
                break;
            case 1:
                answer.Sequence++;
                break;
            case 2:
                answer.Magic++;
                break;
            case 3:
                answer.Result = int.MinValue;
                break;
            case 4:
                return -1;
        }

        return random.Next(60) == 0 ? random.Next(head) : head + length;
    }

    private static void Lie(Span<xesvm_pump_event> events, Random random)
    {
        foreach (ref xesvm_pump_event e in events)
        {
            e.type = (uint)random.Next(6);
            e.allocation = (1UL << 32) + (ulong)random.Next(1, 4); // cookies as the server gives them
            e.pages = (uint)random.Next(600);
            e.remaining = (uint)random.Next(600);
            e.invalidation = (uint)random.Next(5);
        }
    }
}
