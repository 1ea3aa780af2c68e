namespace XeSvm.Simulation.Gpu;

/// <summary>
/// The ALU of MI_MATH: two sources, an accumulator and two flags, all of which live as long as one command, and the general purpose
/// registers. An instruction is operation (31:20), first operand (19:10), second operand (9:0).
/// </summary>
internal ref struct CsAlu
{
    private const uint SourceA = 0x20;
    private const uint SourceB = 0x21;
    private const uint Accumulator = 0x31;
    private const uint ZeroFlag = 0x32;
    private const uint CarryFlag = 0x33;
    private const ulong ShiftMask = 63;

    private readonly CsRegisters _registers;
    private ulong _sourceA;
    private ulong _sourceB;
    private ulong _accumulator;
    private bool _zero;
    private bool _carry;

    private CsAlu(CsRegisters registers) => _registers = registers;

    private enum Operation : uint
    {
        Noop = 0x000,
        Load = 0x080,
        Load0 = 0x081,
        Add = 0x100,
        Subtract = 0x101,
        And = 0x102,
        Or = 0x103,
        ExclusiveOr = 0x104,
        ShiftLeft = 0x105,
        ShiftRight = 0x106,
        ShiftRightArithmetic = 0x107,
        Store = 0x180,
        LoadInverse = 0x480,
        Load1 = 0x481,
        StoreInverse = 0x580,
    }

    /// <summary>Executes instructions; false, and nothing was executed, when one of them is none.</summary>
    public static bool TryExecute(ReadOnlySpan<uint> instructions, CsRegisters registers)
    {
        foreach (uint instruction in instructions)
        {
            if (!IsValid(instruction))
            {
                return false;
            }
        }

        var alu = new CsAlu(registers);
        foreach (uint instruction in instructions)
        {
            alu.Execute(instruction);
        }

        return true;
    }

    private static Operation OperationOf(uint instruction) => (Operation)(instruction >> 20);

    private static uint FirstOf(uint instruction) => instruction >> 10 & 0x3ff;

    private static uint SecondOf(uint instruction) => instruction & 0x3ff;

    private static bool IsSource(uint operand) => operand is SourceA or SourceB;

    private static bool IsRegister(uint operand) => operand < CsRegisters.GeneralPurposeCount;

    private static bool IsValid(uint instruction)
    {
        uint first = FirstOf(instruction);
        uint second = SecondOf(instruction);
        return OperationOf(instruction) switch
        {
            Operation.Load or Operation.LoadInverse => IsSource(first) && IsRegister(second),
            Operation.Load0 or Operation.Load1 => IsSource(first),
            Operation.Store or Operation.StoreInverse => IsRegister(first) && second is Accumulator or ZeroFlag or CarryFlag,
            Operation.Noop or (>= Operation.Add and <= Operation.ShiftRightArithmetic) => true,
            _ => false,
        };
    }

    private void Execute(uint instruction)
    {
        uint first = FirstOf(instruction);
        uint second = SecondOf(instruction);
        switch (OperationOf(instruction))
        {
            case Operation.Noop:
                break;
            case Operation.Load:
                Load(first, _registers.GeneralPurpose((int)second));
                break;
            case Operation.LoadInverse:
                Load(first, ~_registers.GeneralPurpose((int)second));
                break;
            case Operation.Load0:
                Load(first, 0);
                break;
            case Operation.Load1:
                Load(first, ulong.MaxValue);
                break;
            case Operation.Store:
                _registers.GeneralPurpose((int)first) = Result(second);
                break;
            case Operation.StoreInverse:
                _registers.GeneralPurpose((int)first) = ~Result(second);
                break;
            default:
                Compute(OperationOf(instruction));
                break;
        }
    }

    private void Load(uint source, ulong value)
    {
        if (source == SourceA)
        {
            _sourceA = value;
        }
        else
        {
            _sourceB = value;
        }
    }

    /// <summary>Flags are stored as all ones or all zeros.</summary>
    private readonly ulong Result(uint operand) => operand switch
    {
        Accumulator => _accumulator,
        ZeroFlag => _zero ? ulong.MaxValue : 0,
        _ => _carry ? ulong.MaxValue : 0,
    };

    private void Compute(Operation operation)
    {
        int shift = (int)(_sourceB & ShiftMask);
        _accumulator = operation switch
        {
            Operation.Add => _sourceA + _sourceB,
            Operation.Subtract => _sourceA - _sourceB,
            Operation.And => _sourceA & _sourceB,
            Operation.Or => _sourceA | _sourceB,
            Operation.ExclusiveOr => _sourceA ^ _sourceB,
            Operation.ShiftLeft => _sourceA << shift,
            Operation.ShiftRight => _sourceA >> shift,
            _ => (ulong)((long)_sourceA >> shift),
        };
        _zero = _accumulator == 0;
        _carry = operation switch
        {
            Operation.Add => _accumulator < _sourceA,
            Operation.Subtract => _sourceA < _sourceB,
            _ => false,
        };
    }
}
