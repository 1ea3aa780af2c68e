using System.Collections.Concurrent;
using System.Runtime.InteropServices;

using XeSvm.Interop.Native;
using XeSvm.Simulation.Server;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>
/// A client whose CPU-fault pump says that it does everything, until a test has it say something else at some call. Its device pages never leave
/// this process's memory, where the GPU's accesses go too.
/// </summary>
internal sealed unsafe class ScriptedPump(string socket, PumpBlock block, ulong space = 2, int devices = 1) : PumpClient(socket, space, block, devices)
{
    private readonly Dictionary<PumpCall, Func<PumpRequestMessage, int?>> _script = [];
    private readonly ConcurrentQueue<xesvm_pump_event> _events = new();
    private ulong _isolations;

    /// <summary>What the pump has been asked, in order.</summary>
    public ConcurrentQueue<PumpRequestMessage> Asked { get; } = new();

    /// <summary>Has a call answered otherwise: by the result; null ends the lanes instead.</summary>
    public ScriptedPump On(PumpCall call, Func<PumpRequestMessage, int?> answer)
    {
        _script[call] = answer;
        return this;
    }

    /// <summary>The next time the server takes events it hears that the pages of an allocation have come home.</summary>
    public void TellHome(ulong cookie, uint pages = 512, uint remaining = 0, ulong offset = 0) => _events.Enqueue(
        new xesvm_pump_event { type = Xesvm.XESVM_EVENT_HOME, allocation = cookie, pages = pages, remaining = remaining, address = Block + offset });

    protected override int Answer(PumpLaneKind lane, in PumpRequestMessage request, ref PumpAnswerMessage answer, Span<byte> data)
    {
        Asked.Enqueue(request);
        int length = 0;
        if (_script.TryGetValue(request.Call, out Func<PumpRequestMessage, int?>? script))
        {
            if (script(request) is not int result)
            {
                return -1;
            }

            answer.Result = result;
        }

        switch (request.Call)
        {
            case PumpCall.Isolate:
                answer.Values[0] = ++_isolations;
                answer.Values[1] = request.A;
                for (int word = 0; word < (int)request.B / 64; word++)
                {
                    answer.Values[2 + word] = ulong.MaxValue;
                }

                break;
            case PumpCall.Read:
                length = (int)request.D;
                new Span<byte>((void*)request.A, length).CopyTo(data);
                break;
            case PumpCall.Write:
                // The fence is all that is written in these tests.
                Volatile.Write(ref *(ulong*)request.A, MemoryMarshal.Read<ulong>(data));
                break;
            case PumpCall.Counters:
                length = sizeof(xesvm_pump_counters);
                data.Clear();
                break;
            case PumpCall.TakeEvents:
                length = TakeEvents(ref answer, MemoryMarshal.Cast<byte, xesvm_pump_event>(data));
                break;
        }

        return sizeof(PumpAnswerMessage) + length;
    }

    /// <summary>As many as the script says, else those that are waiting.</summary>
    private int TakeEvents(ref PumpAnswerMessage answer, Span<xesvm_pump_event> events)
    {
        if (answer.Result < 0)
        {
            return 0;
        }

        int count = answer.Result;
        events[..count].Fill(new xesvm_pump_event { type = Xesvm.XESVM_EVENT_OVERFLOW });
        while (count < events.Length && _events.TryDequeue(out xesvm_pump_event e))
        {
            events[count++] = e;
        }

        answer.Result = count;
        return count * sizeof(xesvm_pump_event);
    }
}
