using System.Text;

using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Server;

/// <summary>The CPU-fault pump in a client, as the server drives it: one method for each call of the pump that needs no address of the server.</summary>
internal sealed unsafe class RemotePump(TimeSpan patience) : IDisposable
{
    private const int Lanes = 2;
    private readonly Lock _lock = new();
    private readonly PumpLane?[] _lanes = new PumpLane?[Lanes];
    private volatile bool _isBroken;
    private volatile bool _isConnected;

    /// <summary>Both lanes are there.</summary>
    public bool IsConnected => _isConnected && !_isBroken;

    /// <summary>It has ended, and for good.</summary>
    public bool IsBroken => _isBroken;

    /// <summary>What faults it resolves; decided by the client's first lane.</summary>
    public CpuFaultMode Mode { get; private set; } = CpuFaultMode.Full;

    /// <summary>Takes a lane.</summary>
    /// <returns>0; -EBUSY when there is one already; -EINVAL for a lane or mode that there is not; -ENODEV when the pump has ended.</returns>
    public int Connect(FileDescriptorHandle connection, uint kind, uint mode)
    {
        if (kind >= Lanes || mode is not (Xesvm.XESVM_PUMP_MODE_FULL or Xesvm.XESVM_PUMP_MODE_USER))
        {
            return -Errno.EINVAL;
        }

        lock (_lock)
        {
            if (_isBroken || _lanes[kind] is not null)
            {
                return _isBroken ? -Errno.ENODEV : -Errno.EBUSY;
            }

            Mode = mode == Xesvm.XESVM_PUMP_MODE_FULL ? CpuFaultMode.Full : CpuFaultMode.UserModeOnly;
            _lanes[kind] = new PumpLane(connection, patience);
            _isConnected = Array.TrueForAll(_lanes, lane => lane is not null);
            return 0;
        }
    }

    /// <summary>Adds the connections of the lanes to a list, broken ones too: that is how it is found out.</summary>
    public void AddConnections(List<FileDescriptorHandle> connections)
    {
        lock (_lock)
        {
            foreach (PumpLane? lane in _lanes)
            {
                if (lane is not null)
                {
                    connections.Add(lane.Connection);
                }
            }
        }
    }

    /// <summary>Asks without data either way.</summary>
    public int Call(in PumpRequestMessage request, out PumpValues values, FileDescriptorHandle? descriptor = null)
    {
        int none = 0;
        return Ask(request, out values, null, 0, null, ref none, descriptor);
    }

    /// <summary>Asks with data of the caller's.</summary>
    public int CallWith(in PumpRequestMessage request, void* data, int length)
    {
        int none = 0;
        return Ask(request, out _, data, length, null, ref none, null);
    }

    /// <summary>Asks for exactly so much data; an answer with less breaks the protocol.</summary>
    public int CallFor(in PumpRequestMessage request, void* data, int length)
    {
        int received = length;
        int result = Ask(request, out _, null, 0, data, ref received, null);
        if (result >= 0 && received != length)
        {
            Break();
            return PumpLane.Broken;
        }

        return result;
    }

    /// <summary>Takes events.</summary>
    /// <returns>How many, or a negative errno.</returns>
    public int TakeEvents(xesvm_pump_event* events, int capacity)
    {
        int received = capacity * sizeof(xesvm_pump_event);
        int count = Ask(new PumpRequestMessage { Call = PumpCall.TakeEvents }, out _, null, 0, events, ref received, null);
        if (count >= 0 && received != count * sizeof(xesvm_pump_event))
        {
            Break();
            return PumpLane.Broken;
        }

        return count;
    }

    /// <summary>Adds what the pump has counted as <c>name: value</c> lines.</summary>
    public void FormatCounters(StringBuilder text)
    {
        xesvm_pump_counters counters;
        if (CallFor(new PumpRequestMessage { Call = PumpCall.Counters }, &counters, sizeof(xesvm_pump_counters)) >= 0)
        {
            PumpAccounts.Format(counters, text);
        }
    }

    /// <summary>Ends both lanes: the client brings everything home.</summary>
    public void Break()
    {
        _isBroken = true;
        lock (_lock)
        {
            Array.ForEach(_lanes, lane => lane?.Break());
        }
    }

    public void Dispose()
    {
        Break();
        Array.ForEach(_lanes, lane => lane?.Dispose());
    }

    private int Ask(
        in PumpRequestMessage request, out PumpValues values, void* data, int length, void* answer, ref int answerLength, FileDescriptorHandle? descriptor)
    {
        if (!IsConnected)
        {
            values = default;
            return PumpLane.Broken;
        }

        PumpLaneKind kind = request.Call is PumpCall.Populate or PumpCall.Restore ? PumpLaneKind.Patient : PumpLaneKind.Prompt;
        int result = _lanes[(int)kind]!.Call(request, out values, data, length, answer, ref answerLength, descriptor);
        if (result > 0 && request.Call is not (PumpCall.Restore or PumpCall.Populate or PumpCall.TakeEvents))
        {
            result = PumpLane.Broken; // the others do it, or do not: callers go by 0
        }

        if (result == PumpLane.Broken)
        {
            Break();
        }

        return result;
    }
}
