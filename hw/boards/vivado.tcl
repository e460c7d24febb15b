# The top level of a PYNQ board with the vendor's tools, to tell a fault of the open flow from one of ours:
#
#   lifarray verilog --board pynq-z2 --out lifarray-pynq-z2.v
#   vivado -mode batch -source hw/boards/vivado.tcl -tclargs lifarray-pynq-z2.v lifarray-pynq-z2.bit 100
#
# The first writes lifarray-pynq-z2.hwh too, which pynq reads beside the .bit. The core is that of `lifarray bitstream` unless
# --config names another; its memory is the board's, or block RAM with --memory local. Written for Vivado 2022.1 or newer; not
# run yet.
lassign $argv source bitstream megahertz

create_project -in_memory -part xc7z020clg400-1
read_verilog $source
synth_design -top lifarray -part xc7z020clg400-1

# FCLK0 of the PS7, which nothing else constrains.
create_clock -name fclk0 -period [expr {1000.0 / $megahertz}] [get_pins -hierarchical -filter {REF_PIN_NAME == FCLKCLK[0]}]
foreach {port pin} {led_0__io R14 led_1__io P14} {
    set_property PACKAGE_PIN $pin [get_ports $port]
    set_property IOSTANDARD LVCMOS33 [get_ports $port]
}

opt_design
place_design
route_design
report_utilization -file [file rootname $bitstream].utilization.txt
report_timing_summary -file [file rootname $bitstream].timing.txt
write_bitstream -force $bitstream
