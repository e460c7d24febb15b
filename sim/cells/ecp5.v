// Behaviour of the ECP5's cells of which yosys has only the pins (block RAM, multiplier, PLL), and LUTs. FPGA-TN-02204, -02205, -02200.
// Uses that are not modelled are refused by lifarray.sim.netlist. What memory holds at first is left to the simulator:
// a line for each word would be most of the Verilog, and nobody reads what nobody wrote.
module DP16KD (
    input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0,
    input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
    input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
    input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
    input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
    input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
    output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0,
    output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
);
  // Both ports have one width. The widest words take the data pins of both, and then A writes and B reads.
  parameter integer DATA_WIDTH_A = 18;
  parameter integer DATA_WIDTH_B = 18;
  parameter REGMODE_A = "NOREG";
  parameter REGMODE_B = "NOREG";
  parameter RESETMODE = "SYNC";
  parameter ASYNC_RESET_RELEASE = "SYNC";
  parameter CSDECODE_A = "0b000";
  parameter CSDECODE_B = "0b000";
  parameter WRITEMODE_A = "NORMAL";
  parameter WRITEMODE_B = "NORMAL";
  parameter CLKAMUX = "CLKA";
  parameter CLKBMUX = "CLKB";
  parameter GSR = "AUTO";
  localparam W = DATA_WIDTH_A;
  localparam SHIFT = W == 1 ? 0 : W == 2 ? 1 : W == 4 ? 2 : W == 9 ? 3 : W == 18 ? 4 : 5;
  localparam WORDS = 16384 >> SHIFT;
  // Bytes have nine bits; the lowest address pins of wide words are their enables.
  localparam BYTES = W < 18 ? 1 : W / 9;
  localparam BYTE = W / BYTES;

  wire [35:0] data_a = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
                        DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
  wire [17:0] data_b = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
  wire [13:0] address_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  wire [13:0] address_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
  wire [13-SHIFT:0] word_a = address_a[13:SHIFT];
  wire [13-SHIFT:0] word_b = address_b[13:SHIFT];
  reg [W-1:0] memory[0:WORDS-1];
  reg [35:0] out_a = 0;
  reg [35:0] out_b = 0;

  // Bytes that the other port writes in the same cycle are read wrong.
  wire meet = CEA & CEB & word_a == word_b;
  wire [W-1:0] wrong_a, wrong_b;
  genvar k;
  generate
    for (k = 0; k < BYTES; k = k + 1) begin
      assign wrong_a[k*BYTE+:BYTE] = {BYTE{meet & WEB & (BYTES == 1 | address_b[k])}};
      assign wrong_b[k*BYTE+:BYTE] = {BYTE{meet & WEA & (BYTES == 1 | address_a[k])}};
    end
  endgenerate

  integer i;
  always @(posedge CLKA)
    if (CEA) begin
      if (WEA)
        for (i = 0; i < BYTES; i = i + 1)
          if (BYTES == 1 | address_a[i]) memory[word_a][i*BYTE+:BYTE] <= data_a[i*BYTE+:BYTE];
      if (!WEA | WRITEMODE_A == "READBEFOREWRITE") out_a <= memory[word_a] ^ wrong_a;
    end
  integer j;
  always @(posedge CLKB)
    if (CEB) begin
      if (WEB & W < 36)
        for (j = 0; j < BYTES; j = j + 1)
          if (BYTES == 1 | address_b[j]) memory[word_b][j*BYTE+:BYTE] <= data_b[j*BYTE+:BYTE];
      if (!WEB | WRITEMODE_B == "READBEFOREWRITE") out_b <= memory[word_b] ^ wrong_b;
    end
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} =
      W == 36 ? out_b[17:0] : out_a[17:0];
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} =
      W == 36 ? out_b[35:18] : out_b[17:0];
endmodule

module TRELLIS_IO (
    inout B,
    input I, T,
    output O
);
  // One way only: a pin of the netlist is a port that is driven from one side.
  parameter DIR = "INPUT";
  generate
    if (DIR == "OUTPUT") assign B = I;
    else assign O = B;
  endgenerate
endmodule

module MULT18X18D (
    input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
    input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
    input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  // Without its registers.
  wire signed [18:0] a = {SIGNEDA & A17, A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
  wire signed [18:0] b = {SIGNEDB & B17, B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
  wire signed [37:0] product = a * b;
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = product[35:0];
endmodule

module EHXPLLL (
    input CLKI, CLKFB, RST, STDBY, ENCLKOP, ENCLKOS,
    output CLKOP, CLKOS, LOCK
);
  // The simulation's clock is the core's: the PLL passes it on, and locks after some cycles.
  parameter integer CLKI_DIV = 1;
  parameter integer CLKFB_DIV = 1;
  parameter integer CLKOP_DIV = 8;
  parameter integer CLKOP_CPHASE = 0;
  parameter integer CLKOP_FPHASE = 0;
  parameter integer CLKOS_DIV = 8;
  parameter integer CLKOS_CPHASE = 0;
  parameter integer CLKOS_FPHASE = 0;
  parameter CLKOS_ENABLE = "DISABLED";
  parameter CLKOP_ENABLE = "ENABLED";
  parameter FEEDBK_PATH = "CLKOP";
  reg [3:0] cycles = 0;
  always @(posedge CLKI) if (!LOCK) cycles <= cycles + 1;
  assign LOCK = cycles == 15;
  assign CLKOP = CLKI;
  assign CLKOS = CLKI;
endmodule

module LUT4 (
    input A, B, C, D,
    output Z
);
  // yosys has the same as a tree of multiplexers: several times the Verilog, and slower.
  parameter [15:0] INIT = 0;
  assign Z = INIT[{D, C, B, A}];
endmodule
