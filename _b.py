import sys, tempfile, time, threading, cProfile, pstats
from pathlib import Path
from tests.bench import claims
from tests.bench.servers import postgres
def main():
    engines = sys.argv[1].split(",")
    prof = len(sys.argv)>2
    with tempfile.TemporaryDirectory() as d, postgres(Path(d)) as server:
        with claims._receiver() as port:
            subs={}
            for e in engines:
                subs[e]=claims._outbox(Path(d), server, e, port, 32)
            base=[];res={e:[] for e in engines}
            for i in range(3):
                base.append(claims._one_by_one(port,50))
                for e in engines:
                    m,a=subs[e]
                    if prof and i==2:
                        import yappi
                        yappi.set_clock_type("cpu"); yappi.start()
                    r=claims._worked(m,a,600); res[e].append(r)
                    if prof and i==2:
                        yappi.stop(); yappi.get_func_stats().sort("ttot","desc").print_all(columns={0:("name",70),1:("ncall",8),2:("tsub",8),3:("ttot",8),4:("tavg",8)}) 
            import statistics as s
            print("base",base)
            for e in engines: print(e,res[e], s.median(res[e])/s.median(base))
            for e in engines: subs[e][0].storage.dispose()
if __name__=="__main__": main()
