// Behaviour of block RAM of the 7-series, of which yosys has only the pins, and of LUTs. Block RAM: one port reads (A), the other writes (B),
// ninth bits read 0, as under openXC7. UG473. Other uses are refused by lifarray.sim.netlist.
// What memory holds at first is left to the simulator, as in ecp5.v.
module lifarray_ramb #(
    parameter ROWS = 512,
    parameter READ_WIDTH = 9,
    parameter WRITE_WIDTH = 9
) (
    input clk,
    input read_enable,
    input write_enable,
    input [14:0] read_address,
    input [14:0] write_address,
    input [63:0] write_data,
    input [7:0] byte_enable,
    output [63:0] read_data
);
  // Without the ninth bits.
  localparam R = READ_WIDTH < 9 ? READ_WIDTH : READ_WIDTH / 9 * 8;
  localparam W = WRITE_WIDTH < 9 ? WRITE_WIDTH : WRITE_WIDTH / 9 * 8;

  reg [63:0] rows[0:ROWS-1];
  reg [63:0] read = 0;

  wire [5:0] read_offset = read_address[5:0] & ~(R - 1);
  wire [5:0] write_offset = write_address[5:0] & ~(W - 1);
  wire [63:0] enabled;
  genvar j;
  generate
    for (j = 0; j < 64; j = j + 1) assign enabled[j] = j < W & byte_enable[W<8?0 : j/8];
  endgenerate
  wire [63:0] mask = enabled << write_offset;

  always @(posedge clk) begin
    if (read_enable) read <= (rows[read_address[14:6]] >> read_offset) & (64'hFFFFFFFFFFFFFFFF >> (64 - R));
    if (write_enable) rows[write_address[14:6]] <= rows[write_address[14:6]] & ~mask | write_data << write_offset & mask;
  end
  assign read_data = read;
endmodule

module RAMB36E1 (
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB, RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input [15:0] ADDRARDADDR, ADDRBWRADDR,
    input [31:0] DIADI, DIBDI,
    input [3:0] DIPADIP, DIPBDIP,
    input [3:0] WEA,
    input [7:0] WEBWE,
    output [31:0] DOADO, DOBDO,
    output [3:0] DOPADOP, DOPBDOP
);
  parameter RAM_MODE = "TDP";
  parameter integer READ_WIDTH_A = 0;
  parameter integer READ_WIDTH_B = 0;
  parameter integer WRITE_WIDTH_A = 0;
  parameter integer WRITE_WIDTH_B = 0;
  parameter WRITE_MODE_A = "WRITE_FIRST";
  parameter WRITE_MODE_B = "WRITE_FIRST";
  parameter RAM_EXTENSION_A = "NONE";
  parameter RAM_EXTENSION_B = "NONE";
  parameter integer DOA_REG = 0;
  parameter integer DOB_REG = 0;
  wire [63:0] out;
  lifarray_ramb #(.ROWS(512), .READ_WIDTH(READ_WIDTH_A), .WRITE_WIDTH(WRITE_WIDTH_B)) ram (
      .clk(CLKARDCLK), .read_enable(ENARDEN), .write_enable(ENBWREN),
      .read_address(ADDRARDADDR[14:0]), .write_address(ADDRBWRADDR[14:0]),
      .write_data(RAM_MODE == "SDP" ? {DIBDI, DIADI} : {32'b0, DIBDI}), .byte_enable(WEBWE), .read_data(out)
  );
  assign {DOBDO, DOADO} = out;
  assign {DOPADOP, DOPBDOP} = 8'b0;
endmodule

module RAMB18E1 (
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB, RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input [13:0] ADDRARDADDR, ADDRBWRADDR,
    input [15:0] DIADI, DIBDI,
    input [1:0] DIPADIP, DIPBDIP,
    input [1:0] WEA,
    input [3:0] WEBWE,
    output [15:0] DOADO, DOBDO,
    output [1:0] DOPADOP, DOPBDOP
);
  parameter RAM_MODE = "TDP";
  parameter integer READ_WIDTH_A = 0;
  parameter integer READ_WIDTH_B = 0;
  parameter integer WRITE_WIDTH_A = 0;
  parameter integer WRITE_WIDTH_B = 0;
  parameter WRITE_MODE_A = "WRITE_FIRST";
  parameter WRITE_MODE_B = "WRITE_FIRST";
  parameter integer DOA_REG = 0;
  parameter integer DOB_REG = 0;
  wire [63:0] out;
  lifarray_ramb #(.ROWS(256), .READ_WIDTH(READ_WIDTH_A), .WRITE_WIDTH(WRITE_WIDTH_B)) ram (
      .clk(CLKARDCLK), .read_enable(ENARDEN), .write_enable(ENBWREN),
      .read_address({1'b0, ADDRARDADDR}), .write_address({1'b0, ADDRBWRADDR}),
      .write_data(RAM_MODE == "SDP" ? {32'b0, DIBDI, DIADI} : {48'b0, DIBDI}), .byte_enable({4'b0, WEBWE}), .read_data(out)
  );
  assign {DOBDO, DOADO} = out[31:0];
  assign {DOPADOP, DOPBDOP} = 4'b0;
endmodule

// yosys has the same as trees of multiplexers: several times the Verilog, and slower.
module LUT2 (
    input I0, I1,
    output O
);
  parameter [3:0] INIT = 0;
  assign O = INIT[{I1, I0}];
endmodule

module LUT3 (
    input I0, I1, I2,
    output O
);
  parameter [7:0] INIT = 0;
  assign O = INIT[{I2, I1, I0}];
endmodule

module LUT4 (
    input I0, I1, I2, I3,
    output O
);
  parameter [15:0] INIT = 0;
  assign O = INIT[{I3, I2, I1, I0}];
endmodule

module LUT5 (
    input I0, I1, I2, I3, I4,
    output O
);
  parameter [31:0] INIT = 0;
  assign O = INIT[{I4, I3, I2, I1, I0}];
endmodule

module LUT6 (
    input I0, I1, I2, I3, I4, I5,
    output O
);
  parameter [63:0] INIT = 0;
  assign O = INIT[{I5, I4, I3, I2, I1, I0}];
endmodule
